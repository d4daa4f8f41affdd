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

# A checkout in a folder with a blank, whose programs only say what they were asked.
checkout() {
    mkdir -p 'a checkout/tools' 'a checkout/samples/web'
    cp "$tree/run" 'a checkout'
    cp "$tree/tools/unpack" "$tree/tools/bench" 'a checkout/tools'
    for tool in setup demo study; do stand_in $tool ''; mv bin/$tool 'a checkout/tools'; done
    # shellcheck disable=SC2016 # of the script that is made
    stand_in meson 'case $1 in setup) for dir in "$@"; do case $dir in build*) mkdir -p "$dir/meson-private"; : >"$dir/build.ninja"; : >"$dir/meson-private/coredata.dat" ;; esac; done ;; esac'
    stand_in ninja ''
    PATH=$PWD/bin:$PATH
    unset STRANGE_NO_SETUP STRANGE_DATA DESTDIR FUZZ_SECONDS || true
}

case_run_arguments() {
    checkout
    for help in help -h --help 'demo --help' 'install -h' 'fuzz --help' 'lab --help' ''; do
        # shellcheck disable=SC2086 # words
        status 0 'a checkout/run' $help
        grep -q '^usage: ./run COMMAND' out || no "no help: $help"
        for command in demo lab check lint study bench fuzz coverage install uninstall; do grep -q "^  $command " out || no "$command is not in help"; done
    done
    status 2 'a checkout/run' frobnicate
    said "run: unknown command 'frobnicate'"
    refused_by run 'demo: unknown option --frobnicate' 'a checkout/run' demo --frobnicate
    refused_by run 'check: one argument too many: fast' 'a checkout/run' check fast
    refused_by run "'soon' is no number of seconds" 'a checkout/run' fuzz soon
    refused_by run "'0' is no number of seconds" 'a checkout/run' fuzz 0 # which would be for ever
    FUZZ_SECONDS=1h refused_by run "'1h' is no number of seconds" 'a checkout/run' check
    refused_by bench "no benchmark named 'gpt'" 'a checkout/run' bench lstm gpt
    refused_by run 'nothing was installed from this folder' 'a checkout/run' uninstall
    absent asked 'a checkout/out' # nothing was begun
}

# From anywhere, by a link, too: what is named is of where one is, what is not is of the checkout.
case_run_from_elsewhere() {
    checkout
    top=$PWD
    mkdir elsewhere
    ln -s "$PWD/a checkout/run" elsewhere/strange-run
    cd elsewhere
    "$top/a checkout/run" demo 'my demo' 2>/dev/null
    ./strange-run demo 2>/dev/null
    ./strange-run demo /abs/olute 2>/dev/null
    grep '^demo' ../asked >demos
    printf 'demo build/strange %s\n' "$top/elsewhere/my demo" out/demo /abs/olute >wanted
    cmp demos wanted || { cat demos; no 'another folder'; }
    DESTDIR=dest ./strange-run install 2>/dev/null
    grep -q '^meson install -C build' ../asked || no 'not installed'
    nothing_but strange-run demos wanted
}

# A build is made by what was installed when it was configured: packages that came since are looked for again.
case_run_configures_again() {
    checkout
    "a checkout/run" demo 2>/dev/null
    "a checkout/run" demo 2>/dev/null
    [ "$(grep -c '^meson setup build ' asked)" = 1 ] || { cat asked; no 'configured twice'; }
    [ -f /var/lib/dpkg/status ] || exit 77
    touch -d 1980-01-01 'a checkout/build/meson-private/coredata.dat'
    DESTDIR=$PWD/dest 'a checkout/run' install 2>/dev/null
    grep -q '^meson setup --reconfigure build -Dbuildtype=release' asked || { cat asked; no 'the recorder stays missing'; }
}

# Without root and sudo: before anything is built.
case_run_without_root() {
    checkout
    stand_in id 'echo 1000'
    for command in sh env cat grep printf dirname mkdir rm sed readlink nproc find; do ln -sf "$(command -v $command)" bin/; done
    poor() { PATH=$PWD/bin 'a checkout/run' "$@"; }
    refused_by run 'install: not root and no sudo: run it as root, or set DESTDIR' poor install
    refused_by run 'lab: not root and no sudo: run it as root' poor lab
    ! grep -q '^meson' asked || no 'built all the same'
    DESTDIR=$PWD/dest status 0 poor install
}

# A checkout of another user, or on a medium that is only read.
case_run_read_only() {
    checkout
    chmod 555 'a checkout'
    poor='' # root may write everywhere
    if [ "$(id -u)" = 0 ]; then
        command -v setpriv >/dev/null || exit 77
        chmod 755 . ..
        poor='setpriv --reuid=65534 --regid=65534 --clear-groups'
    fi
    # shellcheck disable=SC2086 # words
    refused_by run 'may not be written by' $poor 'a checkout/run' demo
    # shellcheck disable=SC2086 # words
    status 0 $poor 'a checkout/run' demo --help
    chmod 755 'a checkout'
}

# awk reads and writes 0,998 where the language does so: every script that has figures says which it means.
case_figures_have_a_point() {
    awk=$(command -v awk)
    stand_in awk "[ \"\$LC_ALL\" = C.UTF-8 ] || exit 9; exec $awk \"\$@\""
    echo '{"macro_auroc": 0.75, "novel": {"name": "io", "n_novel": 2, "auroc": 0.998}}' >ngram.eval.json
    PATH=$PWD/bin:$PATH LC_ALL=de_DE.UTF-8 status 0 "$tree/tools/eval_table" ngram.eval.json
    tail -n 1 out | grep -q '^ngram  *0.998  *0.750$' || { cat out; no 'other figures'; }
    for script in "$tree/run" "$tree"/tools/*; do
        head -n 1 "$script" | grep -q '/sh$' && grep -q awk "$script" || continue
        grep -q '^export LC_ALL=C.UTF-8' "$script" || no "$script leaves the language as it is"
    done
}

# The commands of docs/howto/public-data.md that make one set of another do.
case_public_data() {
    page=$tree/docs/howto/public-data.md
    for kind in 1 2; do mkdir -p ADFA-LD/Attack_Data_Master/Web_Shell_$kind; for i in 1 2 3; do echo "6 3 4 102 $i 102 11" >ADFA-LD/Attack_Data_Master/Web_Shell_$kind/$i.txt; done; done
    for set in Training Validation; do mkdir ADFA-LD/${set}_Data_Master; for i in $(seq 150); do echo "6 3 4 $((i % 5 + 20)) 3 4" >ADFA-LD/${set}_Data_Master/$i.txt; done; done
    strange() { "$strange" -q "$@"; }
    commands=$(sed -n '/^## A file for each/,/^## A line/s/^    //p' "$page" | grep -v '^strange explain')
    eval "$commands" >out || [ $? = 1 ]
    grep -q '"name": "Web_Shell", .*"n_novel": 6' adfa.json || { cat adfa.json; no 'not one attack of two folders'; }
    [ "$(grep -c '"file": "ADFA-LD/Attack_Data_Master/Web_Shell_./..txt"' attacks.json)" = 6 ] || { cat attacks.json; no 'without names'; }
    printf '%s\n' 'BlockId,Label,Type,Features,TimeInterval,Latency' 'blk_1,Success,,"[E5,E22]","[0.0, 1.0]",38' 'blk_2,Fail,20,"[E5,E9,E9]","[1.0]",2' >Event_traces.csv
    eval "$(sed -n '/^## A line for each/,/^## Lines of/s/^    //p' "$page" | grep -v 'hdfs')"
    [ "$(cat Success.txt Fail.txt)" = "$(printf 'E5,E22\nE5,E9,E9')" ] || no 'other keys'
    "$strange" info --json fail.data | grep -q '"events": 3' || no 'not three keys'
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

# study names a folder's runs: those of other data are not taken for them.
case_study_of_other_data() {
    command -v zstd >/dev/null || exit 77
    checkout
    for data in 'a checkout/samples/web' data/web-a/ctf; do
        mkdir -p "$data" known-test
        echo "$data" >known-test/stream
        tar -cf - known-test | zstd -q -o "$data/known-test.tar.zst"
    done
    status 0 'a checkout/run' study here
    status 0 'a checkout/run' study here
    STRANGE_DATA=data refused_by run 'has runs that are not of' 'a checkout/run' study here
    grep -q samples here/traces/known-test/stream || no 'other runs'
    STRANGE_DATA=data status 0 'a checkout/run' study there
    grep -q data there/traces/known-test/stream || no 'not these runs'
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
    printf 'case_two() {\n    chmod 711 ../%s\n}\n' .. | offends 'tests/cli/cases/one.sh:5: changes the mode' tests/cli/cases/one.sh
    mkdir good/src/new
    echo 'int x;' | offends 'the include table has no row for new' src/new/three.c
}
