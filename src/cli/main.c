#include "cli/commands.h"

int main(int argc, char **argv)
{
    return stg_cli_main(argc, argv);
}
