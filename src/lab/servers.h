/* Servers: Apache, PHP-FPM and MariaDB of the lab, apart from those of the machine: own binaries' copies where a probe
 * is attached, own configuration, data, sockets, ports and user.
 *
 * The stage is what all runs share: a short-named folder TOP that the servers' user can reach (socket paths are limited
 * to 107 bytes), with a certificate, a database as it is before any run, the pages, and the programs that were found. A
 * run's files are in TOP/run, made afresh for each run, which is the servers' user's; TOP/log is root's, as what is
 * read from and written into it by name has to be. */
#ifndef STG_LAB_SERVERS_H
#define STG_LAB_SERVERS_H

#include "lab/cgroup.h"
#include "lab/scenario.h"

#include <sys/types.h>

#define STG_LAB_PATH 512

struct stg_stage {
    char files[STG_LAB_PATH]; /* templates, pages, SQL of the project */
    char top[128];            /* TOP */
    char run[140];            /* TOP/run */
    char cgroup[STG_CGROUP_PATH], server_cgroup[STG_CGROUP_PATH + 32], beside_cgroup[STG_CGROUP_PATH + 32],
        client_cgroup[STG_CGROUP_PATH + 32], tools_cgroup[STG_CGROUP_PATH + 32];
    uid_t uid;                 /* of the servers; 0 never */
    char apache[STG_LAB_PATH]; /* TOP/bin/apache2: a copy, so that a probe in it touches no other Apache */
    char modules[STG_LAB_PATH];
    char php[STG_LAB_PATH], mariadbd[STG_LAB_PATH], load[STG_LAB_PATH];
};

/* Looks for the programs; STG_ERR_UNSUPPORTED names all that is missing and how to get it. load: the load program's
 * path. */
enum stg_status stg_stage_find(struct stg_stage *st, const char *load) STG_MUST_USE;
/* Names of folder, groups and user for a campaign, by the hash of its path; work: the folder that TOP is made in. */
enum stg_status stg_stage_name(struct stg_stage *st, uint64_t campaign, const char *work) STG_MUST_USE;
/* Makes the stage, after removing what is left of one of that name. */
enum stg_status stg_stage_make(struct stg_stage *st) STG_MUST_USE;
/* Ends all its processes and removes groups and folder. Nothing there is fine. */
enum stg_status stg_stage_remove(const struct stg_stage *st) STG_MUST_USE;

struct stg_servers {
    const struct stg_stage *stage;
    const struct stg_scenario *scenario;
    struct stg_scenario settings; /* with the places of this run: TOP, RUN, WWW, PORT …; owned */
    uint16_t port;
    bool tls;
    char page[128]; /* "/actor.php?id=" */
    pid_t mariadbd, php, apache, beside;
};

/* Starts all of them afresh and waits until the page is answered. stg_servers_stop() also after a failure. */
enum stg_status stg_servers_start(struct stg_servers *s, const struct stg_stage *st,
                                  const struct stg_scenario *scenario) STG_MUST_USE;
/* Whether the command line of the program beside the servers has settings that there are, not too many words, and a
 * program that is there, as far as its name does not depend on settings. */
enum stg_status stg_servers_check_scenario(const struct stg_scenario *scenario) STG_MUST_USE;
/* STG_ERR_IO when one of them has ended. */
enum stg_status stg_servers_check(struct stg_servers *s) STG_MUST_USE;
/* One request with the load program; its body is in the file `to` afterwards. */
enum stg_status stg_servers_ask(const struct stg_servers *s, const char *path, uint32_t status,
                                const char *to) STG_MUST_USE;
void stg_servers_stop(struct stg_servers *s);

#endif
