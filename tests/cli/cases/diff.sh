# strange diff: the names of files that only one of two recordings has. Most recordings are made, so those cases are skipped without the privilege.

# recorded NAME SCRIPT: a recording of a shell that runs the script in ./work, whose directory is made anew.
recorded() {
    rm -rf work
    mkdir work
    printf 'a = 1\n' >work/app1.conf
    printf 'a = 2\n' >work/app2.conf
    "$strange" record -q -o "$1" -- sh -c "cd work; $2" >/dev/null 2>recorded.err || { cat recorded.err; no "cannot record $1"; }
}

# Enough calls to judge by; each round is the same.
rounds='i=0; while [ $i -lt 300 ]; do while read -r line; do :; done <app1.conf; i=$((i + 1)); done'

# The same twice is no change, strictly; another file is told, and strictly it is one.
case_diff_files() {
    may_record
    recorded one "$rounds"
    recorded two "$rounds"
    status 0 "$strange" diff --strict one two
    sed -n 1p out | grep -qx 'nothing changed'
    recorded more "$rounds; read -r line <app2.conf; [ -e none.conf ]; echo x >written"
    status 0 "$strange" diff one more
    grep -q '^files only in B  *calls  occasions  *chance$' out
    grep -q '^  sh  *1  *1  *1  app2.conf: openat$' out || { cat out; no 'a file that is read is not told'; }
    grep -q '^  sh  .*  written: openat$' out || { cat out; no 'nor one that is written'; }
    grep -q '^  sh  .*  none.conf: [a-z0-9]* ENOENT$' out || { cat out; no 'nor one that is looked for'; }
    ! grep -q 'app1.conf' out || no 'what both have is told'
    status 1 "$strange" diff --strict one more
    sed -n 1p out | grep -q '^changed: .*3 files on one side only'
    status 1 "$strange" diff --strict --json more one
    grep -q '"side": "a", "kind": "file", "process": "sh", "calls": 1, "decides": true, "file": "app2.conf", "files": 1, "call": "openat", "more_calls": false, "error": null, "other_error": null, ' out ||
        { cat out; no 'the file is not in the JSON'; }
    recorded like "$rounds; read -r line <app2.conf; [ -e none.conf ]; echo x >written"
    status 0 "$strange" diff --strict one more --like like # a run as A has them all
    ! grep -q '^files only' out || { cat out; no 'what a run as A has is told'; }
}

# Another file instead, which is alike; one that is there on one side alone.
case_diff_files_alike() {
    may_record
    recorded one "$rounds; read -r line <app1.conf; [ -e maybe.conf ] && read -r line <maybe.conf; :"
    recorded two "$rounds; read -r line <app2.conf; [ -e maybe.conf ] && read -r line <maybe.conf; :"
    recorded three "$rounds; echo x >maybe.conf; [ -e maybe.conf ] && read -r line <maybe.conf; :"
    status 0 "$strange" diff one two
    grep -q '  app2.conf: openat$' out || { cat out; no 'another digit is not told'; }
    status 0 "$strange" diff one three
    grep -q '  maybe.conf: [a-z0-9]*\( and others\)\{0,1\}, in A ENOENT$' out || { cat out; no 'what is there on one side alone is not told'; }
}

# A name that is in all of a run is a change by itself.
case_diff_files_often() {
    may_record
    recorded one "$rounds"
    recorded two "$(echo "$rounds" | sed 's/<app1.conf/<app2.conf/')"
    status 1 "$strange" diff one two
    sed -n 1p out | grep -qx 'changed: 2 files on one side only' || { cat out; no 'what is read throughout is no change'; }
}

# Names that are made anew in each run are none; where one side has them alone, they are one row.
case_diff_files_renewed() {
    may_record
    temporary='i=0; while [ $i -lt 20 ]; do mktemp /tmp/strange-XXXXXX >>names; read -r line </proc/$$/stat; i=$((i + 1)); done; rm -f $(cat names)'
    recorded one "$rounds; $temporary"
    recorded two "$rounds; $temporary"
    status 0 "$strange" diff one two
    ! grep -q '^files only' out || { cat out; no 'temporary files are told'; }
    grep -q '^   [0-9]* file names differ in numbers or random characters alone: made anew in each run$' out || { cat out; no 'nor is it said that they are others'; }
    recorded few "$rounds; mktemp /tmp/strange-XXXXXX >names; rm -f \$(cat names)"
    recorded many "$rounds; $temporary; for drawn in k3VbQ9 0pXe7T Zr5mJa; do echo x >./other-\$drawn.tmp; done" # as mktemp draws them, but not now and then such as a word
    "$strange" diff few many >out || [ $? = 1 ]
    grep -q '  \./other-\*.tmp: 3 files, openat' out || { cat out; no 'what is drawn by chance is not one row'; }
    ! grep -q '/tmp/strange-' out || { cat out; no 'more of the same is told'; }
}

# Numbered files in a directory that is made anew in each run are none either, but another file in it is told.
case_diff_files_in_drawn_directory() {
    may_record
    numbered='d=$(mktemp -d /tmp/tmp.XXXXXXXXXX); for i in $(seq 10 40); do echo x >$d/part$i.txt; read -r line <$d/part$i.txt; done'
    recorded one "$rounds; $numbered; rm -r \$d"
    recorded two "$rounds; $numbered; rm -r \$d"
    status 0 "$strange" diff --strict one two
    sed -n 1p out | grep -qx 'nothing changed' || { cat out; no 'the directory of a run is told'; }
    recorded more "$rounds; $numbered; echo x >\$d/more.log; rm -r \$d"
    status 1 "$strange" diff --strict one more
    grep -q '  /tmp/tmp.*/more.log: openat$' out || { cat out; no 'another file in it is not told'; }
    ! grep -q '/part' out || { cat out; no 'what both have there is told'; }
}

# A recording without file names says nothing of them.
case_diff_no_files() {
    may_record
    for name in one two; do
        mkdir -p work
        "$strange" record -q --plain -o $name -- sh -c "while read -r line; do :; done </etc/passwd; [ $name = one ] || read -r line </etc/group"
    done
    "$strange" diff one two >out 2>err || [ $? = 1 ]
    ! grep -q 'file' out || { cat out; no 'files are told without their names'; }
}

# A server's files are the same in two runs of it, which others have recorded.
case_diff_files_server() {
    command -v zstd >/dev/null || exit 77
    for name in known-valid known-test; do tar -I zstd -xf "$STRANGE_SOURCE/samples/web/$name.tar.zst" || no "cannot unpack $name"; done
    status 0 "$strange" diff --json known-valid known-test
    ! grep -q '"kind": "file"' out || { cat out; no 'its files are told'; }
    grep -q '"files_sign_test": 1.0, "renewed_names": 0, ' out
}

# Names of files are in the text of tracers, too: a request for one outside of what is served is told by it. Needs no recording.
case_diff_files_of_text() {
    strace_text 800 1 >known.txt
    strace_text 200 2 >valid.txt
    strace_text 800 3 | sed 's,"/x",& ,; s,"/x" \(.*\) = 8,"/srv/../../etc/passwd"\1 = 8,' >odd.txt
    status 1 "$strange" diff known.txt odd.txt
    grep -q '  /srv/../../etc/passwd: openat$' out || { cat out; no 'what differs is without the file'; }
    strace_text 100 3 | sed 's,^\(.*\)"/x"\(.* = 8 .*\),&\n\1"/srv/../../etc/passwd"\2\n\1"/srv/../../etc/passwd"\2,' >more.txt
    "$strange" -q prepare --cut accept --scope thread -o train.data known.txt
    "$strange" -q prepare --cut accept --scope thread --vocab train.data -o valid.data valid.txt
    "$strange" -q train --calibrate valid.data -o web.model -- train.data
    status 0 "$strange" explain --behaviours web.model more.txt
    grep -q 'more of openat (.*, as of /srv/../../etc/passwd)' out || { cat out; no 'nor is it in the behaviour'; }
}
