# Help, usage errors, generated texts.

case_help() {
    status 0 "$strange" help
    for command in record prepare train distill score eval explain diff report export info doctor lab help; do
        grep -q "^  $command " out || no "$command is not in help"
    done
    status 0 "$strange" --help
    for command in record prepare train distill score eval explain diff report export info doctor lab help; do
        "$strange" help $command >a
        "$strange" $command --help >b
        cmp a b
        grep -q '^Exit status:' a
    done
    status 0 "$strange" --version
    grep -Eq '^strange [0-9]+\.[0-9]+\.[0-9]+$' out
    [ ! -s err ]
}

case_usage_errors() {
    refused 'no command given' "$strange"
    refused "unknown command 'scroe': did you mean 'score'?" "$strange" scroe
    refused "unknown command 'frobnicate'" "$strange" frobnicate
    refused 'did you mean --alpha?' "$strange" score --alhpa 0.1 m d
    refused 'unknown option -z' "$strange" -z
    refused 'missing operand: usage: strange score' "$strange" score
    refused 'one operand too many' "$strange" explain a b c
    refused 'give a value from 1 to 16777216' "$strange" prepare --max-len 16777217 -o d t
    refused 'score: --alpha: 7 is out of bounds' "$strange" score --alpha 7 m d
    refused '-o DATA is missing' "$strange" prepare t
    refused '-o MODEL is missing' "$strange" train d
    refused '-o FILE.html is missing' "$strange" report m --known d
    refused '--known DATA… is missing' "$strange" eval m
    refused '--novel [NAME=]DATA… is missing' "$strange" eval m --known d
    refused 'go together' "$strange" prepare --begin a -o d t
    refused '--cut' "$strange" prepare --cut window:0 -o d t
    refused 'not a duration' "$strange" prepare --skip-first 5 -o d t
    refused 'did you mean' "$strange" train --model ngarm -o m d
    refused "unknown field 'foo'" "$strange" train --fields call,foo -o m d
    nothing_but
}

# What a choice can be is said, once: in the words of the option or behind them.
case_choices_are_told() {
    "$strange" help prepare | tr -s ' \n' ' ' >page
    grep -qF 'while it is open: system, process, thread (default: system)' page || { cat page; no 'scope'; }
    grep -qF 'as this format: ctf, perf, strace, sysdig, paper, intlist, namelist, pairs (default' page || no 'format'
    grep -qF 'interleaved as they happened (default: thread)' page || no 'order is told twice'
    "$strange" help score | tr -s ' \n' ' ' | grep -qF 'mean, median, window, upper, rms, time, state, pace, load, migration, workers, novelty' || no 'aggregate'
    "$strange" help --man prepare | grep -qxF 'One of: system, process, thread.' || no 'manual'
    refused "did you mean 'strace'" "$strange" prepare --format starce -o d t
    refused '--ngram-order: 9 is out of bounds' "$strange" train --ngram-order 9 -o m d
}

case_manual() {
    for command in '' record prepare train distill score eval explain diff report export info doctor lab help; do
        # shellcheck disable=SC2086 # an empty word is no word
        "$strange" help --man $command >page
        head -n 1 page | grep -q '^\.TH "STRANGE'
        for section in NAME SYNOPSIS OPTIONS 'EXIT STATUS' 'SEE ALSO'; do
            grep -q "^\.SH $section" page || no "strange $command: no $section"
        done
        [ -n "$command" ] || tr '\n' ' ' <page | grep -qF '1: strange score found something novel, or strange diff a change.' || no 'whose exit status is 1'
        if command -v groff >/dev/null; then
            groff -man -Tutf8 -ww page >/dev/null 2>warnings
            [ ! -s warnings ] || { cat warnings; no "groff warns about $command"; }
        fi
    done
}

case_completion_bash() {
    command -v bash >/dev/null || exit 77
    "$strange" help --completion bash >completion
    cat >try.sh <<'SH'
. ./completion
complete_line() { COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); COMPREPLY=(); _strange; printf '%s\n' "${COMPREPLY[@]}"; }
complete_line strange sc
complete_line strange train --mo
complete_line strange train --model ls
complete_line strange help tr
complete_line strange --threads 2 sco
complete_line strange score --aggregate = nov
complete_line strange score --aggregate =
complete_line strange lab re
complete_line strange score my
complete_line strange train --valid my
SH
    : >'my file.data'
    bash try.sh >got
    printf '%s\n' score --model lstm train score novelty mean median window upper rms time state pace load migration workers novelty report 'my file.data' \
        'my file.data' >wanted
    diff wanted got
    refused "did you mean 'bash'?" "$strange" help --completion bsh
}

# Evaluated, as `strange help help` shows, and with what zsh gives a completion stood in for.
case_completion_zsh() {
    command -v zsh >/dev/null || exit 77
    "$strange" help --completion zsh >completion
    cat >try.zsh <<'ZSH'
compdef() { print -r -- "$1 completes $2"; }
_arguments() { print -r -- "${@[-2]}"; }
eval "$(<completion)"
complete_line() { words=("$@"); CURRENT=$#; _strange; }
complete_line strange lab ''
complete_line strange --threads 2 -q lab ''
complete_line strange help ''
ZSH
    zsh -f try.zsh >got
    cat >wanted <<'TEXT'
_strange completes strange
1:file:{ compadd -- run report clean; _files }
1:file:{ compadd -- run report clean; _files }
TEXT
    head -n 3 got | diff wanted -
    tail -n 1 got | grep -q '^1:file:{ compadd -- record prepare .* help }$' || { cat got; no 'help completes no commands'; }
}

case_doctor() {
    status 0 "$strange" doctor
    grep -q '^threads ' out
    grep -q 'ctf' out
    status 0 "$strange" doctor --json
    grep -q '^{"schema": "strange.doctor/1", .*"cpu_features"' out
    TMPDIR=/nowhere status 0 "$strange" doctor
    grep -q 'set TMPDIR' out
}

# As wide as the terminal, from 60 to 100 columns, whichever way it is asked for.
case_help_width() {
    command -v script >/dev/null || exit 77
    for ask in 'score --help' 'help score'; do
        for columns in 30 60 80 100 200; do script -qc "stty cols $columns; exec '$strange' $ask" /dev/null </dev/null >$columns; done
        cmp -s 30 60 && cmp -s 200 100 || no "$ask: no bounds"
        [ "$(wc -l <60)" -gt "$(wc -l <80)" ] && [ "$(wc -l <80)" -gt "$(wc -l <100)" ] || no "$ask: not as wide as the terminal"
    done
}
