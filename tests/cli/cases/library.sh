# The library as others build with it: installed, found by pkg-config, and every header by itself.

installed() {
    meson install -C "$(dirname "$strange")" --no-rebuild --destdir "$PWD/root" --tags devel >install.log 2>&1 || { cat install.log; no 'not installed'; }
    pc=$(find "$PWD/root" -name strange.pc)
    prefix=${pc%/lib*} # lib, lib64, lib/x86_64-linux-gnu
    flags="$(PKG_CONFIG_PATH=$(dirname "$pc") pkg-config --static --define-variable=prefix="$prefix" --cflags --libs strange)"
}

case_library_example() {
    trained
    installed
    # shellcheck disable=SC2086 # a list of flags
    cc -std=gnu17 -Wall -Wextra -Werror -o score "$STRANGE_SOURCE/docs/examples/score.c" $flags
    ./score web.model test.data >ours
    grep -q '^nothing novel: ' ours || { cat ours; no 'no verdict'; }
    ./score web.model odd.data >ours
    grep -q '^novel: ' ours || { cat ours; no 'no verdict on novel ones'; }
    # The same p-values as the command's.
    "$strange" score --json web.model odd.data | sed 's/.*"p_value": \([^,]*\),.*/\1/' >theirs || true
    sed '$d' ours | cut -d ' ' -f 3 | paste - theirs | awk '{ if (($1 - $2) ^ 2 > 1e-12) exit 1 }' || no 'other p-values'
    [ "$(sed '$d' ours | wc -l)" = "$(wc -l <theirs)" ] || no 'not as many'
    ./score web.model none.data 2>err && no 'a missing file'
    grep -q '^score: none.data: ' err || { cat err; no 'no reason'; }
}

# The way from a trace to a reason, without the command.
case_library_learns() {
    strace_text 400 1 >known.txt
    strace_text 60 4 odd >odd.txt
    installed
    # shellcheck disable=SC2086 # a list of flags
    cc -std=gnu17 -Wall -Wextra -Werror -o learn "$STRANGE_SOURCE/docs/examples/learn.c" $flags
    status 0 ./learn known.txt odd.txt strace
    grep -q '^  socket (call): ' out || { cat out; no 'the call that only the new trace has is not to blame'; }
    # The model is one of the command's.
    "$strange" info learnt.model | grep -q 'ngram' || no 'no model'
    status 1 "$strange" score --aggregate mean learnt.model new.data
    status 2 ./learn known.txt none.txt
    grep -q '^learn: none.txt: ' err || { cat err; no 'no reason'; }
}

case_library_headers() {
    installed
    for header in $(cat "$STRANGE_SOURCE/src/public_headers.txt"); do
        echo "#include \"$header\"" >one.c
        # shellcheck disable=SC2086 # a list of flags
        cc -std=gnu17 -Wall -Wextra -Werror -fsyntax-only one.c $flags || no "$header needs another"
        # shellcheck disable=SC2086 # a list of flags
        cc -std=c11 -Wall -Wextra -pedantic -Werror -fsyntax-only one.c $flags || no "$header is not standard C"
    done
}

# C++ programs take them, too: every header by itself, inside extern "C".
case_library_headers_in_cpp() {
    for compiler in g++ clang++ ''; do ! command -v "$compiler" >/dev/null || break; done
    [ -n "$compiler" ] || exit 77
    installed
    for header in $(cat "$STRANGE_SOURCE/src/public_headers.txt"); do
        printf 'extern "C" {\n#include "%s"\n}\n' "$header" >one.cpp
        # shellcheck disable=SC2086 # a list of flags
        "$compiler" -std=c++17 -fsyntax-only one.cpp $flags || no "$header is not for C++"
    done
}

# Where a distribution has the linker optimize, what is installed is machine code all the same: its names can be changed.
case_library_lto() {
    command -v meson >/dev/null || exit 77
    object=libstrange.a.p/src_token_cut_build.c.o
    for flag in -Db_lto=true -Dc_args=-flto; do
        rm -rf build one.a
        meson setup build "$STRANGE_SOURCE" "$flag" >setup.log 2>&1 || { cat setup.log; no "not configured with $flag"; }
        ninja -C build "$object" >build.log 2>&1 || { cat build.log; no "not built with $flag"; }
        ar rcs one.a "build/$object"
        nm -g --defined-only one.a >before
        grep -q ' T cut_deliver$' before || { cat before; no "no function without prefix with $flag"; }
        "$STRANGE_SOURCE/tools/own_symbols" one.a
        nm -g --defined-only one.a >after
        grep -q ' T stg_own_cut_deliver$' after || { cat after; no "names stay with $flag"; }
    done
}

# What is installed with the command is found from its folder, wherever a distribution puts either.
case_library_folders() {
    command -v meson >/dev/null || exit 77
    [ -x "$(dirname "$strange")/lab-load" ] || exit 77 # built without OpenSSL
    meson setup build "$STRANGE_SOURCE" --prefix=/usr --libexecdir=lib --bindir=games/deep --datadir=/opt/share >setup.log 2>&1 || { cat setup.log; no 'not configured'; }
    grep -qF 'STG_LIBEXECDIR=\"../../lib/strange\"' build/compile_commands.json || no 'the load is not where it is looked for'
    grep -qF 'STG_DATADIR=\"/opt/share/strange\"' build/compile_commands.json || no 'the files are not where they are looked for'
    meson install -C "$(dirname "$strange")" --no-rebuild --destdir "$PWD/root" >install.log 2>&1 || { cat install.log; no 'not installed'; }
    documents=$(find "$PWD/root" -path '*/share/doc/strange')
    for name in LICENSE README.md $(strings -a "$strange" | grep -oE 'docs/[a-z/-]+\.[a-z]+' | sort -u); do
        [ -f "$documents/$name" ] || no "$name is named, and not installed"
    done
    refused '/share/strange/lab/scenarios/none.conf: see its folder' "$(find "$PWD/root" -name strange -path '*/bin/*')" lab run -o out --scenarios none
    # The load comes after the packages, and before the privileges.
    status 2 "$(find "$PWD/root" -name strange -path '*/bin/*')" lab run -o out --scenarios io --work /nowhere
    ! grep -q 'the load program is missing' err || no 'the load is not found'
}

# cross FAMILY ENDIAN COMPILER…: configuring for that machine is refused, and says why.
cross() {
    machine="this one is $1, $2-endian"
    printf "[host_machine]\nsystem = 'linux'\ncpu_family = '%s'\ncpu = '%s'\nendian = '%s'\n[binaries]\n" "$1" "$1" "$2" >cross
    shift 2
    printf "pkgconfig = 'pkg-config'\nc = [%s]\n" "$(printf "'%s'," "$@")" >>cross
    ! meson setup --cross-file cross build "$STRANGE_SOURCE" >setup.log 2>&1 || no "a build where $machine"
    grep -q "is for little-endian machines of 64 bits.*$machine" setup.log || { cat setup.log; no "$machine: no reason"; }
    rm -rf build
}

# Where bytes have the other order files would be wrong, and with 32 bits large ones could not be mapped.
case_library_machines() {
    command -v meson >/dev/null || exit 77
    cross s390x big cc
    echo '#include <stdio.h>' | cc -m32 -fsyntax-only -x c - 2>err || return 0 # its headers are not there
    cross x86 little cc -m32
}

# Without its debug information the program does not tell where it was built: a build elsewhere is the same.
case_library_no_paths() {
    strip -o bare "$strange"
    for where in "$(cd "$(dirname "$strange")" && pwd)" "$(cd "$STRANGE_SOURCE" && pwd)"; do
        ! grep -qaF "$where" bare || { strings -a bare | grep -F "$where"; no "names $where"; }
    done
}

# A program may have functions of any name but stg_….
case_library_symbols() {
    installed
    nm -g --defined-only "$(find "$PWD/root" -name libstrange.a)" | awk 'NF == 3 && $3 !~ /^stg_/' >others
    [ ! -s others ] || { cat others; no 'names without prefix'; }
    { cat "$STRANGE_SOURCE/docs/examples/score.c"; echo 'int cut_deliver(void); int cut_deliver(void) { return 1; }'; } >clash.c
    # shellcheck disable=SC2086 # a list of flags
    cc -std=gnu17 -o clash clash.c $flags || no 'names meet'
}
