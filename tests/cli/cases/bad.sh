# Bad input and hostile conditions: one line, exit status 2, nothing half-written.

# Two behaviours of which one would be shown as the other: control characters and malformed UTF-8 look all the same.
case_bad_names_shown_alike() {
    trained
    alike='differ only in characters that cannot be shown'
    one=$(printf 'a\001')=odd.data
    for name in "$(printf 'a\002')" "$(printf 'a\377')" "$(printf 'a\357\277\275')"; do
        refused "--novel: two names $alike" "$strange" eval --json web.model --known test.data --novel "$one" --novel "$name=valid.data"
        refused "--novel: two names $alike" "$strange" report -o new.html --known test.data --novel "$one" --novel "$name=valid.data" -- web.model
    done
    refused "--valid-novel: two names $alike" "$strange" eval web.model --known test.data --novel odd.data --valid-known valid.data \
        --valid-novel "$one" --valid-novel "$(printf 'a\002')=odd.data"
    absent new.html
    status 0 "$strange" eval --json web.model --known test.data --novel "$one" --novel "$one" --novel b=odd.data
    [ "$(grep -o '"n_novel": [0-9]*' out | tr -dc '0-9\n' | paste -sd' ')" = '120 60' ] || { cat out; no 'a name given twice is not one behaviour'; }
}

case_missing_and_empty() {
    trained
    : >empty
    mkdir dir
    refused 'empty: the file is empty: ' "$strange" info empty # and what to do
    for file in nowhere empty dir; do
        refused "$file" "$strange" prepare -o new.data $file
        refused "$file" "$strange" train -o new.model $file
        refused "$file" "$strange" score $file test.data
        refused "$file" "$strange" score web.model $file
        refused "$file" "$strange" explain web.model $file
        refused "$file" "$strange" eval web.model --known test.data --novel x=$file
        refused "$file" "$strange" report -o new.html web.model --known $file
        refused "$file" "$strange" info $file
        refused "$file" "$strange" prepare --vocab $file -o new.data test.txt
        refused "$file" "$strange" train -o new.model --valid $file -- train.data
        refused "$file" "$strange" train -o new.model --calibrate test.data $file -- train.data
        refused "$file" "$strange" -q train --model lstm --resume --checkpoint $file -o new.model train.data
        refused "$file" "$strange" eval web.model --known $file --novel x=odd.data
        refused "$file" "$strange" eval web.model --known test.data --novel x=odd.data --valid-known $file --valid-novel x=odd.data
        refused "$file" "$strange" report -o new.html --known test.data --novel x=$file -- web.model
        refused "$file" "$strange" report -o new.html --known test.data -- $file
        refused "$file" "$strange" explain $file test.data
    done
    absent new.data new.model new.html
}

case_wrong_kind() {
    trained
    refused 'the model comes first' "$strange" score test.data web.model
    refused 'where a data set or a trace is expected' "$strange" score web.model web.model
    refused 'cut the trace with `strange prepare` first' "$strange" train -o x train.txt
    refused 'web.model' "$strange" train -o x web.model
    refused 'train.data' "$strange" prepare -o x train.data
    absent x
}

case_another_vocabulary() {
    trained
    strace_text 20 9 odd | sed 's/fstat/lstat/' >other.txt
    "$strange" -q prepare --cut accept --scope thread -o other.data other.txt
    refused 'other.data' "$strange" score web.model other.data
    refused 'vocab' "$strange" train -o x train.data other.data
    refused 'prepare it with --vocab train.data' "$strange" train -o x --valid other.data -- train.data
    absent x
}

case_wrong_version() {
    trained
    for file in train.data web.model; do
        LC_ALL=C sed 's/"strange.version":\( *\)"[0-9]*"/"strange.version":\1"0"/' $file >other
        ! cmp -s $file other || no "the version could not be changed"
        LC_ALL=C sed 's/"strange.header"/"Strange.header"/' other >new # the checksum was of the other header
        refused 'version 0' "$strange" info new
        refused 'version 0' "$strange" prepare --vocab new -o new.data test.txt
        { head -c -1 $file; printf '\377'; } >new # a byte of the data
        ! cmp -s $file new || printf '\376' | dd of=new bs=1 seek=$(($(wc -c <$file) - 1)) conv=notrunc status=none
        refused 'checksum' "$strange" prepare --vocab new -o new.data test.txt
        absent new.data
    done
    refused 'test.txt is neither a model nor a data set: give' "$strange" prepare --vocab test.txt -o new.data test.txt
    LC_ALL=C sed 's/"strange.format":\( *\)"model"/"strange.format":\1"mOdel"/' web.model >new
    refused 'new' "$strange" score new test.data
}

case_truncated_files() {
    trained
    for file in test.data web.model; do
        size=$(wc -c <$file)
        for percent in 0 1 10 50 90 99; do
            head -c $((size * percent / 100)) $file >cut
            status 2 "$strange" score $([ $file = web.model ] && echo cut test.data || echo web.model cut)
            [ "$(wc -l <err)" = 1 ]
        done
        head -c $((size - 1)) $file >cut
        status 2 "$strange" score $([ $file = web.model ] && echo cut test.data || echo web.model cut)
    done
}

case_full_disk() {
    trained
    refused 'No space left' sh -c '"$strange" score web.model test.data >/dev/full'
    refused 'No space left' sh -c '"$strange" info --json web.model >/dev/full'
    refused 'No space left' sh -c '"$strange" help train >/dev/full'
    refused 'No space left' sh -c '"$strange" --version >/dev/full'
    [ "$(id -u)" = 0 ] || exit 0
    mkdir small
    mount -t tmpfs -o size=64k strange-test small 2>/dev/null || exit 0
    got=0
    (
        set -e
        refused 'No space left' "$strange" -q prepare --cut accept -o small/new.data train.txt
        [ -z "$(ls -A small)" ] || no "left behind: $(ls -A small)"
        refused 'No space left' env TMPDIR="$PWD/small" "$strange" score web.model train.txt
        [ -z "$(ls -A small)" ] || no "left behind: $(ls -A small)"
        head -c 60000 /dev/zero >small/ballast
        refused 'No space left' "$strange" -q train -o small/new.model train.data
        [ "$(ls -A small)" = ballast ] || no "left behind: $(ls -A small)"
        log() { # of all that is written, the training's log alone is there
            "$strange" -q train --model lstm --hidden 8 --layers 1 --eval-every 1 --stop-after 0 --threads 1 --schedule constant \
                --valid valid.data --log small/new.log --checkpoint new.checkpoint -o new.model "$@" train.data
        }
        refused 'cannot write the training log (free space or write elsewhere, and go on with --resume): No space left' log --updates 200
        n=$(wc -l <small/new.log)
        [ "$n" -gt 1 ] || no 'nothing was written before'
        [ "$(grep -c '}$' small/new.log)" = "$(grep -c '' small/new.log)" ] || { tail -n 1 small/new.log; no 'half a line is left'; }
        rm small/ballast
        log --resume --updates $((n + 2))
        [ "$(wc -l <small/new.log)" = $((n + 2)) ] || no 'the log did not go on'
    ) || got=$?
    umount small
    exit $got
}

# A limit on the size of files is a failure like a full disk, and no death.
case_file_size_limit() {
    ! grep -q '[.]gcda' "$strange" || exit 77 # where coverage is counted, its files are over the limit, too
    trained
    for line in 'prepare --cut accept -o new.data train.txt' 'train -o new.model train.data' 'export --to csv -o new.csv web.model test.data' \
        'export --to ctf -o new.ctf train.txt' 'report -o new.html web.model --known test.data'; do
        refused 'File too large' sh -c "ulimit -f 4; \"\$strange\" -q $line"
        nothing_but train.txt valid.txt test.txt odd.txt train.data valid.data test.data odd.data web.model
    done
}

case_closed_pipe() {
    trained
    # The reader ends before anything is written.
    { (sleep 0.3; got=0; "$strange" score --json web.model test.data 2>err || got=$?; echo $got >code) | true; }
    [ "$(cat code)" = 2 ] || no "exit status $(cat code)"
    [ "$(wc -l <err)" = 1 ]
    grep -q 'standard output' err
    refused 'standard output' sh -c '"$strange" score web.model test.data >&-'
    status 0 sh -c '"$strange" -q train -o n.model train.data <&- >&- 2>&-' # needs none of the three
    "$strange" info n.model >/dev/null
}

case_unwritable() {
    trained
    refused 'nowhere/' "$strange" prepare -o nowhere/x.data train.txt
    refused 'nowhere/' "$strange" train -o nowhere/x.model train.data
    mkdir taken
    refused 'taken' "$strange" train -o taken train.data
    refused 'TMPDIR' env TMPDIR=/nowhere "$strange" score web.model test.txt
}

# What is read is not replaced by what is written, under whatever name.
case_output_is_input() {
    trained
    ln train.txt link.txt
    echo '{}' >train.log
    for file in *.txt *.data *.model *.log; do cp -p $file $file.kept; done
    refused 'train.txt: is read, too' "$strange" prepare -o train.txt test.txt ./train.txt
    refused 'link.txt: is read, too' "$strange" prepare -o link.txt train.txt
    refused 'is read, too' "$strange" prepare --vocab train.data -o train.data test.txt
    refused 'is read, too' "$strange" train -o train.data train.data
    refused 'is read, too' "$strange" train -o valid.data --valid valid.data -- train.data
    refused 'is read, too' "$strange" train -o test.data --calibrate test.data -- train.data
    refused '--checkpoint train.data: is read, too' "$strange" train --model lstm --checkpoint train.data -o x train.data
    refused '--log train.data: is read, too' "$strange" train --model lstm --log train.data -o x train.data
    refused '-o and --checkpoint: both write x' "$strange" train --model lstm --checkpoint x -o x train.data
    refused '--checkpoint and --log: both write y' "$strange" train --model lstm --checkpoint y --log y -o x train.data
    refused '--checkpoint: . is no file' "$strange" train --model lstm --checkpoint . -o x train.data
    for file in notes other.model empty cut; do
        case $file in
            notes) echo 'not to be lost' >notes ;;
            other.model) cp web.model other.model ;;
            empty) : >empty ;;
            cut) head -c 100 web.model >cut ;;
        esac
        cp $file kept
        refused "$file: is no checkpoint" "$strange" train --model lstm --updates 1 --checkpoint $file -o x train.data
        cmp $file kept || no "$file is not as it was"
    done
    cp notes x.checkpoint
    refused 'x.checkpoint: is no checkpoint' "$strange" train --model lstm --updates 1 -o x train.data
    cmp notes x.checkpoint
    rm notes other.model empty cut kept x.checkpoint
    refused 'is read, too' "$strange" distill --student ngram -o web.model web.model train.data
    refused 'is read, too' "$strange" distill --student ngram -o odd.data --known test.data --novel x=odd.data -- web.model train.data
    refused 'is read, too' "$strange" export --to csv -o test.data web.model test.data
    refused 'is read, too' "$strange" report -o web.model web.model --known test.data
    refused 'is read, too' "$strange" report -o odd.data web.model --known test.data --novel x=odd.data
    refused 'is read, too' "$strange" report -o train.log --known test.data --training train.log -- web.model
    for file in *.txt *.data *.model *.log; do cmp $file $file.kept; done
    absent x y
}

# Nothing is called "-"; a pipe gets what a file would, in one go.
case_odd_outputs() {
    trained
    refused '-: this is not written to standard output' "$strange" prepare -o - train.txt
    refused '-: this is not written to standard output' "$strange" train -o - train.data
    refused 'a CTF trace is a directory' "$strange" export --to ctf -o - train.txt
    absent ./-
    "$strange" -q train -o plain.model train.data
    mkfifo pipe
    for command in 'train -o pipe train.data' 'prepare --cut accept --scope thread --vocab train.data -o pipe test.txt'; do
        # shellcheck disable=SC2086 # words
        timeout 60 cat pipe >got & reader=$!
        # shellcheck disable=SC2086 # words
        status 0 timeout 60 "$strange" -q $command
        wait $reader
        mv got "got.${command%% *}"
    done
    status 0 "$strange" score got.train got.prepare
}

# A name can hold anything; nothing that is printed obeys it. A long one leaves room for what is wrong.
case_hostile_names() {
    trained
    odd=$(printf 'x\033[31m\nstrange: y\302\233z')
    cp test.txt "$odd.txt"
    status 0 "$strange" prepare --cut accept -o "$odd.data" "$odd.txt"
    [ "$(wc -l <err)" = 1 ] || { cat err; no 'a name made a line of its own'; }
    status 0 "$strange" score --worst 2 web.model "$odd.txt" "$odd.txt"
    cat err out >all
    ! LC_ALL=C grep -q "$(printf '[\001-\011\013-\037\177]')" all || { cat -v all; no 'control characters'; }
    ! grep -q '^strange: y' all || { cat all; no 'a name made a line of its own'; }
    long=$(printf '%02000d' 0)
    refused "${long}: cannot open: File name too long" "$strange" info "$long"
}

# What may not be read is said to be that, not to be no model or no trace.
case_unreadable() {
    trained
    [ "$(id -u)" = 0 ] || exit 77
    command -v setpriv >/dev/null || exit 77
    no_coverage
    mkdir dir
    cp web.model secret
    chmod 000 secret dir
    chmod 711 . ..
    as_nobody() {
        file=$1
        shift
        refused "$file: cannot open: Permission denied" setpriv --reuid=65534 --regid=65534 --clear-groups "$strange" "$@"
    }
    as_nobody secret score secret test.data
    as_nobody secret score web.model secret
    as_nobody secret info secret
    as_nobody secret prepare -o x.data secret
    as_nobody dir info dir
    as_nobody dir score web.model dir
    as_nobody dir prepare -o x.data dir
}

case_not_calibrated() {
    trained
    strace_text 1 >one.txt
    "$strange" -q prepare --cut accept --scope thread --vocab train.data -o one.data one.txt
    status 0 "$strange" train -o one.model one.data
    grep -q 'not calibrated' err
    grep -q '1 sequence in' err
    status 0 "$strange" score one.model test.data
    grep -q 'no verdict' out
}

case_kill_while_preparing() {
    strace_text 60000 >long.txt
    for signal in INT TERM KILL; do
        "$strange" -q prepare --cut accept -o long.data long.txt 2>err &
        pid=$!
        listens $pid
        kill_when $pid $signal /
        [ "$got" != 0 ] || { rm -f long.data; continue; } # it was faster
        absent long.data
        [ "$signal" = KILL ] || { [ "$got" = 2 ] || no "exit status $got after $signal"; [ "$(wc -l <err)" = 1 ]; nothing_but long.txt; }
        rm -f long.data.tmp-*
    done
}

# What people give instead of a trace is named, with what makes a trace of it.
case_not_yet_a_trace() {
    strace_text 50 >t.txt
    gzip -k t.txt
    refused 'compressed (gzip): unpack it first' "$strange" info t.txt.gz
    tar -cf t.tar t.txt
    refused 'a tar archive: unpack it first' "$strange" prepare -o x.data t.tar
    printf '\050\265\057\375xxxxxxxx' >t.zst
    refused 'compressed (zstd): unpack it first' "$strange" prepare -o x.data t.zst
    printf 'PERFILE2xxxxxxxxxxxxxxxx' >perf.data
    refused 'perf script' "$strange" prepare -o x.data perf.data
    refused 'not a trace of a known format: name the right one with --format (ctf, perf' "$strange" info "$here/run.sh"
    mkdir lists
    echo 'about these lists' >lists/README
    refused 'integer lists holds files of integers only' "$strange" info lists
    nothing_but t.txt t.txt.gz t.tar t.zst perf.data lists
}
