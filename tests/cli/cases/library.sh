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

case_library_headers() {
    installed
    for header in $(cat "$STRANGE_SOURCE/src/public_headers.txt"); do
        echo "#include \"$header\"" >one.c
        # shellcheck disable=SC2086 # a list of flags
        cc -std=gnu17 -Wall -Wextra -Werror -fsyntax-only one.c $flags || no "$header needs another"
    done
}
