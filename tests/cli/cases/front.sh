# What is run from a checkout: set-up, the front door, the check of the layout, and the program that runs these cases. Commands of the machine are stood
# in for by scripts in ./bin.

tree=$here/../..
export tree

# stand_in NAME LINES: a command of this name, first in the PATH; what it was asked goes into ./asked.
stand_in() {
    mkdir -p bin
    printf '#!/bin/sh\necho "%s $*" >>"%s/asked"\n%s\n' "$1" "$PWD" "$2" >"bin/$1"
    chmod +x "bin/$1"
}

# said TEXT: it is in what the last command said.
said() { grep -qF -- "$1" err || { cat err; no "without '$1'"; }; }

# A machine with no package and no command of the lists; apt-get cannot install what ./impossible names.
bare_machine() {
    stand_in dpkg-query 'exit 1'
    # shellcheck disable=SC2016 # of the script that is made
    stand_in apt-get '[ ! -e impossible ] || for word in "$@"; do if grep -qxF -e "$word" impossible; then echo "E: no $word here"; exit 100; fi; done'
    stand_in id 'echo 0'
    for command in sh env cat grep printf dirname mkdir rm sed; do ln -sf "$(command -v $command)" bin/; done
}
setup() { PATH=$PWD/bin "$tree/tools/setup" "$@"; }

# What brings a command may stand in the way of the package that would: Node.js of another source has an npm of its own.
case_setup_command_is_there() {
    bare_machine
    status 0 setup --dry-run onnx
    said 'installing for onnx: nodejs npm'
    stand_in npm ''
    status 0 setup --dry-run onnx
    said 'installing for onnx: nodejs'
    ! grep -q npm err || { cat err; no 'npm, which is there'; }
    stand_in node ''
    status 0 setup onnx
    said 'everything for onnx is installed'
    ! grep -q '^apt-get' asked || { cat asked; no 'apt-get was asked'; }
}

# One package that cannot be installed is the matter of the groups that need it alone.
case_setup_impossible_package() {
    bare_machine
    echo npm >impossible
    status 2 setup browser onnx
    said 'E: no npm here'
    said 'setup: everything for browser is installed'
    said 'setup: onnx: apt-get cannot install npm'
    grep '^apt-get install -y' asked | tail -n 1 >last
    for package in chromium python3 nodejs; do grep -qw $package last || { cat asked; no "$package is not installed"; }; done
    echo -y >impossible # what is wrong is none of the packages
    status 2 setup browser onnx
    said 'E: no -y here'
    said 'apt-get could not install: chromium python3 nodejs npm'
    rm impossible
    status 0 setup browser onnx
    said 'setup: done'
    refused_by setup "unknown group 'nothing'" setup nothing
}

# refused_by NAME TEXT COMMAND…: exit status 2, nothing on standard output, one line on standard error that NAME says, with TEXT in it.
refused_by() {
    by=$1 text=$2
    shift 2
    status 2 "$@"
    [ ! -s out ] || no "something on standard output: $*"
    [ "$(wc -l <err)" = 1 ] || { cat err; no "$(wc -l <err) lines on standard error: $*"; }
    said "$by: "
    said "$text"
}

# The servers of the lab's packages are kept from starting while they are installed; a signal leaves the machine as it was.
case_setup_interrupted() {
    [ "$(id -u)" = 0 ] && unshare -m true 2>/dev/null || exit 77
    bare_machine
    for command in tee chmod sleep ls; do ln -sf "$(command -v $command)" bin/; done
    # shellcheck disable=SC2016 # of the script that is made
    stand_in apt-get 'case $* in install*) [ ! -x /usr/sbin/policy-rc.d ] || : >kept; : >asks; while [ ! -e go ]; do sleep 0.01; done ;; esac'
    for signal in INT TERM HUP; do
        rm -f asks kept go
        # shellcheck disable=SC2016 # of the inner shell
        unshare -m sh -c 'mount -t tmpfs none /usr/sbin; PATH=$PWD/bin; export PATH; env --default-signal=INT "$0/tools/setup" lab & pid=$!
            while [ ! -e asks ]; do sleep 0.01; done; kill -"$1" $pid; : >go; wait $pid; ls /usr/sbin >left' "$tree" $signal
        [ -e kept ] || no 'no policy while packages are installed'
        [ ! -s left ] || no "SIG$signal leaves $(cat left) in /usr/sbin"
    done
}

# Archives are unpacked whole or not at all, as half a trace opens, too.
case_unpack() {
    command -v zstd >/dev/null || exit 77
    mkdir run-a run-b
    echo a >run-a/stream
    echo b >run-b/stream
    for name in run-a run-b; do tar -cf - --mtime=@0 $name | zstd -q -o $name.tar.zst; done
    rm -r run-a run-b
    "$tree/tools/unpack" 'to here' run-a.tar.zst run-b.tar.zst
    [ "$(cat 'to here/run-a/stream' 'to here/run-b/stream')" = "$(printf 'a\nb')" ] || no 'something else'
    echo mine >'to here/run-a/stream'
    "$tree/tools/unpack" 'to here' run-a.tar.zst
    [ "$(cat 'to here/run-a/stream')" = mine ] || no 'unpacked again'
    touch -d tomorrow run-a.tar.zst
    "$tree/tools/unpack" 'to here' run-a.tar.zst
    [ "$(cat 'to here/run-a/stream')" = a ] || no 'an older one than the archive stays'
    for size in 0 20 $(($(wc -c <run-b.tar.zst) - 1)); do
        head -c "$size" run-b.tar.zst >run-c.tar.zst
        refused_by unpack 'cannot unpack run-c.tar.zst' sh -c '"$tree/tools/unpack" cut run-c.tar.zst 2>&1 | grep ^unpack >&2; exit 2'
        [ -z "$(ls -A cut)" ] || no "left: $(ls -A cut)"
    done
}

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
