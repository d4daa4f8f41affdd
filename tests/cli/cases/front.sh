# What is run from a checkout: set-up, the front door, the check of the layout, and the program that runs these cases. Commands of the machine are stood
# in for by scripts in ./bin.

tree=$here/../..
export tree

# said TEXT: it is in what the last command said.
said() { grep -qF -- "$1" err || { cat err; no "without '$1'"; }; }

# The program that runs the cases says so where it has none to run.
case_cases_of_no_file() {
    status 2 "$here/run.sh" "$strange" --file nothing
    grep -q 'there is no .*/nothing.sh' err
}

# Everything that check_layout refuses is refused.
case_layout() {
    mkdir -p tree/tools tree/src/base tree/src/event tree/tests/cli/cases tree/fuzz tree/bench
    cp "$tree/tools/check_layout" tree/tools
    printf '| module | may include |\n| --- | --- |\n| base | nothing |\n| event | base |\n' >tree/ARCHITECTURE.md
    printf '#include <stdint.h>\nuint32_t stg_one(void);\n' >tree/src/base/one.h
    printf '#include "base/one.h"\nint two(void)\n{\n    return 2;\n}\n' >tree/src/event/two.c
    printf 'case_one() {\n    ! grep a b || no c\n}\n' >tree/tests/cli/cases/one.sh
    cp -r tree good
    status 0 good/tools/check_layout
    [ ! -s err ] || { cat err; no 'complains of nothing'; }
    offends() { # offends TEXT FILE: it is refused with FILE, whose lines come from standard input, in addition
        rm -rf bad
        cp -r good bad
        cat >>"bad/$2"
        status 1 bad/tools/check_layout
        said "$1"
    }
    echo '#include "event/two.h"' | offends 'src/base/three.c includes event/, which base may not' src/base/three.c
    echo '#include <openssl/ssl.h>' | offends 'src/base/three.c includes openssl/, which only lab/ may' src/base/three.c
    echo 'uint8_t three(void);' | offends 'src/base/three.h does not compile alone' src/base/three.h
    { echo 'int long_one(void)'; echo '{'; yes '    ;' | head -n 99; echo '}'; } | offends 'function of 101 lines' tests/three.c
    yes '/* */' | head -n 801 | offends 'tests/three.c has 801 lines' tests/three.c
    printf '/* %s: later */\n' TODO | offends 'unfinished marks: src/base/three.c:1' src/base/three.c
    printf 'case_two() {\n    ! grep a b\n    :\n}\n' | offends 'tests/cli/cases/one.sh:5: cannot fail' tests/cli/cases/one.sh
    mkdir good/src/new
    echo 'int x;' | offends 'the include table has no row for new' src/new/three.c
}
