# The usual way, end to end, on small traces.

case_first_steps() {
    trained
    status 0 "$strange" score web.model test.data
    grep -q '^verdict: nothing novel$' out
    status 1 "$strange" score web.model odd.data
    grep -q '^verdict: novel$' out
    status 1 "$strange" score web.model odd.txt # a trace is cut by the model's rule
    status 1 "$strange" score --json web.model odd.data
    [ "$(wc -l <out)" = 60 ]
    for key in id perplexity p_value novel lost; do
        [ "$(grep -c "\"$key\":" out)" = 60 ] || no "not every line has $key"
    done
    status 0 "$strange" explain web.model odd.data
    grep -q 'never seen in training' out || no 'the calls that were never seen are not shown'
    grep -qE '^  to blame    thread [0-9]+, .*\(call' out || { cat out; no 'no segment to blame'; }
    status 0 "$strange" explain --sequence 3 --json web.model odd.data
    [ "$(wc -l <out)" = 1 ]
    grep -qE '"segments": \[\{"first": [0-9]+, "last": [0-9]+, .*"fields": \["call"[],].*"calls": \[\{"call": ' out || no 'no segments'
    status 0 "$strange" explain --counterfactual web.model odd.data
    grep -Eq '^  would be normal without: [0-9]+ segments?, .*; the p-value would be' out || { cat out; no 'no counterfactual'; }
    status 0 "$strange" explain --counterfactual --json --sequence 3 web.model odd.data
    grep -q '"counterfactual": {"enough": true, "segments": \[0' out || { cat out; no 'no counterfactual in JSON'; }
    status 0 "$strange" explain --counterfactual --json web.model train.data
    grep -q '"counterfactual": \(null\|{\)' out || no 'no counterfactual of a known sequence'
    refused 'there is no sequence 60' "$strange" explain --sequence 60 web.model odd.data
    absent web.model.checkpoint
}

# What novel sequences have in common is told by name and number, the same whatever the number of threads; two of their kinds are two.
case_behaviours() {
    trained
    status 0 "$strange" explain --behaviours web.model odd.data
    grep -q 'execve EACCES (never in known' out || no 'what is new is not told'
    grep -q 'comes between fstat and write' out || no 'nor where'
    status 1 "$strange" score --worst 1 web.model odd.data
    sed -n 2p out | grep -Eq '^.{49} µs .{8}  novel' || { cat out; no 'a duration in another unit than elsewhere, or out of its column'; }
    status 0 "$strange" --threads 3 explain --behaviours --json web.model odd.data
    mv out three
    status 0 "$strange" --threads 1 explain --behaviours --json web.model odd.data
    cmp out three
    grep -q '"schema": "strange.behaviours/1"' out
    grep -q '"more": \[{[^]]*"call": "execve"' out || no 'what there is more of is not in the JSON'
    grep -q '"between": \[{"before": "fstat", "after": "write"' out || no 'nor where it stands'
    grep -q '"first": {"data": "odd.data", "id": 0, ' out || no 'nor the first sequence'
    grep -q '"last": {"data": "odd.data", "id": 57, ' out || no 'nor the last one'
    sed 's/socket(AF_INET/memfd_create("x"/; s/ptrace(PTRACE_TRACEME/mmap(NULL/; s/execve("\/bin\/sh"/fork(/; s/-1 EACCES .Permission denied./31/' odd.txt >other.txt
    "$strange" -q prepare --cut accept --scope thread --vocab train.data -o other.data other.txt
    status 0 "$strange" explain --behaviours web.model odd.data other.data
    [ "$(grep -c ' socket (never' out)" = 1 ] || no 'the first kind is not one behaviour'
    [ "$(grep -c ' memfd_create (never' out)" = 1 ] || no 'nor is the second'
    [ "$(grep ' socket (never' out | grep -c memfd_create)" = 0 ] || no 'both are one'
    status 1 "$strange" score web.model odd.data
    grep -q ' like [0-9]* of odd.data: more ' out || no 'the verdict gives no reason'
    status 0 "$strange" explain --behaviours web.model test.data
    refused 'leave one out' "$strange" explain --behaviours --sequence 3 web.model odd.data
    strace_text 1 9 >one.txt # its only sequence cannot be held out
    "$strange" -q prepare --cut accept --scope thread -o one.data one.txt
    "$strange" -q train -o plain.model one.data 2>/dev/null
    refused 'not calibrated' "$strange" -q explain --behaviours plain.model one.data
    "$strange" -q report -o page.html --known test.data --novel odd=odd.data -- web.model
    grep -q 'id="behaviours"' page.html
}

# What is different, in plain words: above what explain shows of single sequences, and on a report's first screen.
case_findings() {
    trained
    status 0 "$strange" explain web.model odd.txt
    sed -n 1p out | grep -q '^[0-9]* of 60 sequences are novel, and chance makes up to [0-9]* of known ones so$' || { cat out; no 'no count'; }
    sed -n 1,6p out | grep -q '  - the program makes calls that no known sequence makes: socket (1 in each), execve .*: it starts processes or threads; it looks into' ||
        { cat out; no 'what is new is not told first'; }
    grep -q 'calls fail: execve EACCES (1 in each, as of /bin/sh): rights are missing' out || { cat out; no 'nor what fails'; }
    status 0 "$strange" explain --sequence 3 web.model odd.txt
    sed -n 1p out | grep -q '^Sequence 3$' || no 'one sequence has nothing in common'
    sed 's/(7,/(77,/; s/= 7 </= 77 </; s/("7")/("77")/; s/close(7)/close(77)/' odd.txt >high.txt
    status 0 "$strange" explain web.model high.txt
    grep -q 'uses descriptor numbers up to 77, in training none above 63: 77: more connections or files' out || { cat out; no 'no descriptors'; }
    status 0 "$strange" explain web.model test.data
    sed -n 2p out | grep -q '^Like known sequences in calls and what they return, .* of them last longer than' || { cat out; no 'nothing of the whole'; }
    status 0 "$strange" explain --behaviours --json web.model odd.txt
    grep -q '"findings": \[{"what": "the program makes calls .*", "means": "it starts' out || { cat out; no 'no findings in JSON'; }
    for known in odd.txt 'test.data --novel odd=odd.data'; do
        # shellcheck disable=SC2086 # an option and its argument
        "$strange" -q report -o page.html --known $known -- web.model
        sed '/class="tiles"/q' page.html | grep -q '<strong>the program makes calls that no known sequence makes: socket' || no "the first screen says nothing: $known"
    done
    "$strange" -q report -o page.html --known test.data -- web.model
    sed '/class="tiles"/q' page.html | grep -q 'no more than chance explains\.</p>' || no 'chance is not in the headline'
    sed '/class="tiles"/q' page.html | grep -q '<strong>Nothing that shows in single sequences.</strong> .* Like known sequences in' || no 'nothing is said of the whole'
}

# Two runs of the same program: nothing changed. With calls that the other never makes: which, where, and how they end; exit status 1.
case_diff() {
    data_sets
    strace_text 500 5 >other.txt
    strace_text 500 6 odd >strange.txt
    status 0 "$strange" diff train.txt other.txt
    grep -qx 'nothing changed' out
    grep -q '^   every sort of call [0-9.]* times as often in B' out
    status 0 "$strange" diff train.txt train.txt
    ! grep -q 'times as often' out || no 'once as often'
    strace_text 396 1 >shorter.txt # about as often is no news
    status 0 "$strange" diff train.txt shorter.txt
    ! grep -q ' 1 times as often' out || no 'once as often'
    status 1 "$strange" diff train.txt strange.txt
    sed -n 1p out | grep -q '^changed: 3 calls on one side only, ' || no 'the verdict is not the first line'
    grep -q '^only in B ' out
    for call in socket execve ptrace; do grep -q "^  $call  " out || no "$call is not new"; done
    grep -q 'execve EACCES' out
    grep -q 'fstat → socket' out
    "$strange" -q prepare --cut accept --scope thread --vocab train.data -o other.data other.txt
    "$strange" -q prepare --cut accept --scope thread --vocab train.data -o strange.data strange.txt
    status 0 "$strange" diff train.data other.data
    status 1 "$strange" diff --json train.data strange.data
    for key in schema changed a b scale divergence_bits only sign_test rows; do grep -q "\"$key\":" out || no "no $key"; done
    grep -q '"facet": "transitions", "process": "", "call": "fstat", .*"next": "socket"' out
    grep -q '"side": "b", "kind": "call", "process": "", "calls": [0-9]*, "decides": true, "call": "socket"' out || no 'a new call is not told'
    grep -q '"facet": "results", "process": "", "call": "execve", [^}]*"error": "EACCES"' out || no 'nor how it ended'
    status 1 "$strange" diff --top 0 strange.data train.data # the other way round: gone
    [ "$(wc -l <out)" = 3 ] # the verdict and what was compared
    strace_text 20 7 >short.txt
    status 0 "$strange" diff train.txt short.txt
    grep -q 'no verdict' out
    refused 'give two of a kind' "$strange" diff train.txt train.data
    "$strange" -q train -o web.model --valid valid.data train.data
    refused 'is a model' "$strange" diff web.model train.data
    strace_text 400 8 odd >stranger.txt
    status 0 "$strange" diff train.txt strange.txt --like other.txt stranger.txt # runs like A do so, too
    grep -qx '   2 further runs as A: what differs so from run to run is not told' out
    status 1 "$strange" diff --like other.txt -- train.txt strange.txt
    status 1 "$strange" diff --json train.data strange.data --like other.data
    grep -q '"like": 1, ' out
    refused 'give two of a kind' "$strange" diff train.txt other.txt --like train.data
    refused absent.txt "$strange" diff train.txt other.txt --like absent.txt
    refused absent.txt "$strange" diff train.txt absent.txt
    : >empty.txt
    refused empty.txt "$strange" diff train.txt empty.txt
    echo '77 1700000009.000000 ptrace(0) = 0 <0.000010>' >once.txt # by itself once is no evidence
    cat train.txt once.txt >more.txt
    status 0 "$strange" diff train.txt more.txt
    sed -n 1p out | grep -q '^nothing changed beyond chance; 1 call on one side only'
    grep -q '^  ptrace  *1  *1  *1' out || no 'what came once is not told'
    status 1 "$strange" diff --strict train.txt more.txt
    sed -n 1p out | grep -qx 'changed: 1 call on one side only'
}

# For Perfetto and as tables; the file is there when all of it is.
case_export_scored() {
    trained
    status 0 "$strange" export --to perfetto -o run.json web.model odd.txt
    grep -q '"novel sequence [0-9]*' run.json
    grep -q '"name": "ptrace", "ph": "X"' run.json
    if command -v python3 >/dev/null; then python3 -c 'import json; json.load(open("run.json"))' || no 'not JSON'; fi
    status 0 "$strange" export --to perfetto -o - web.model odd.txt
    cmp out run.json
    status 0 "$strange" export --to csv -o run.csv web.model odd.data
    [ "$(wc -l <run.csv)" -gt 600 ]
    head -n 1 run.csv | grep -q '^id,time_ns,pid,tid,process,call,phase,ret,descriptor,surprisal,'
    status 0 "$strange" export --to csv --rows sequences -o - web.model odd.data
    [ "$(wc -l <out)" = 61 ]
    mv out rows
    status 1 "$strange" score --json web.model odd.data
    [ "$(grep -c '"novel": true' out)" = "$(cut -d, -f12 rows | grep -c '^1$')" ] || no 'not the verdicts of score'
    refused 'takes MODEL DATA' "$strange" export --to csv -o x web.model
    refused 'say where to write it' "$strange" export --to csv web.model odd.data
    refused 'the model comes first' "$strange" export --to csv -o x odd.data web.model
    "$strange" -q prepare --cut accept --scope thread --vocab train.data -o two.data odd.txt valid.txt
    refused 'of 2 traces' "$strange" -q export --to perfetto -o x web.model two.data
    absent x
}

# One trace at a time: several are refused in a line that says what to do, and nothing is written.
case_export_several() {
    trained
    for format in ctf perfetto csv; do
        refused "'odd.data' and 'test.data': one trace or data set at a time" "$strange" export --to $format -o x web.model odd.data test.data
        refused "'odd.txt' and 'valid.txt': one trace or data set at a time" "$strange" export --to $format -o x web.model odd.txt odd.txt valid.txt
        refused "'odd.txt' and 'test.data': one trace or data set at a time" "$strange" export --to $format -o x odd.txt test.data
    done
    refused "'odd.txt' and 'valid.txt': one trace or data set at a time: export each into a place of its own" "$strange" export -o x odd.txt valid.txt
    refused 'takes MODEL: 3 operands were given' "$strange" export --to onnx -o x web.model odd.data test.data
    absent x
}

# A trace of the scored events: those of the table, in the order of time, in the words of babeltrace2.
case_export_scored_ctf() {
    command -v babeltrace2 >/dev/null || exit 77
    trained
    strace_text 60 5 odd | awk '{ $1 = 100 + NR % 7; print }' >mixed.txt # seven threads at a time
    "$strange" -q prepare --cut thread --vocab train.data -o mixed.data mixed.txt
    for data in odd mixed; do
        status 0 "$strange" export --to ctf -o $data.ctf web.model $data.data
        "$strange" export --to csv -o $data.csv web.model $data.data
        babeltrace2 --clock-seconds --no-delta $data.ctf >$data.text
        tr -d '\r"' <$data.csv | awk -F, 'NR > 1 { printf "%s %s %s %s %s_%s %s %s %s\n", $1, $2, $3, $4, $7, $6, $10, $11, $12 }' |
            sort -s -n -k 1,1 >wanted
        # [1700000000.000104523] syscall_entry_read: { cpu_id = … }, { procname = "", pid = 1, tid = 100, …, surprisal = 0.1, …, sequence = 3, … }
        awk '
            function of(key) { return match($0, " " key " = [^, ]*") ? substr($0, RSTART + length(key) + 4, RLENGTH - length(key) - 4) : "" }
            function number(value) { return value ~ /nan/ ? "" : value }
            {
                ns = substr($1, 2, length($1) - 2); sub(/\./, "", ns)
                call = $2; sub(/^syscall_/, "", call); sub(/:$/, "", call)
                pid = of("pid"); tid = of("tid")
                printf "%s %s %s %s %s %s %s %s\n", of("sequence"), ns, pid == -1 ? 0 : pid, tid == -1 ? 0 : tid, call, number(of("surprisal")),
                    number(of("surprisal_time")), number(of("surprisal_state"))
            }' $data.text | sort -s -n -k 1,1 >is
        cmp wanted is || { diff wanted is | head; no "$data: not the events of the table"; }
        [ "$(wc -l <is)" -gt 600 ] || no 'hardly any events'
        cut -d' ' -f1 $data.text | sort -c || no 'not in the order of time'
        # Each event has its sequence's verdict.
        "$strange" export --to csv --rows sequences -o - web.model $data.data | awk -F, 'NR > 1 { print $1, $12 == 1 ? "novel" : "known", $11 }' | sort >wanted
        sed 's/.* sequence = \([0-9]*\), p_value = \([^,]*\), verdict = ( "\([a-z]*\)" .*/\1 \3 \2/' $data.text | sort -u >is
        cmp wanted is || { diff wanted is | head; no "$data: not the verdicts of the table"; }
    done
    grep -q novel is || no 'nothing is novel'
    "$strange" info --json mixed.ctf >mixed.json
    grep -q '"clamped_events": "0"' mixed.json || no 'events went back in time'
    grep -q '"export_model": "web.model"' mixed.json || no 'no provenance'
    refused 'is not empty' "$strange" -q export --to ctf -o odd.ctf web.model odd.data
    refused 'the model comes first' "$strange" export -o x odd.data web.model
    "$strange" -q prepare --cut accept --scope thread --vocab train.data -o two.data odd.txt valid.txt
    refused 'of 2 traces' "$strange" -q export -o x web.model two.data
    absent x
}

# Nets as ONNX files; tests/test_onnx.c looks into them.
case_export_onnx() {
    data_sets 60
    for kind in lstm transformer longformer; do
        "$strange" -q train --model $kind --hidden 16 --layers 1 --updates 5 --valid valid.data -o $kind.model train.data
        status 0 "$strange" -q export --to onnx -o $kind.onnx $kind.model
        status 0 "$strange" -q export --to onnx -o - $kind.model
        grep -qa log_p $kind.onnx || no "$kind: no output"
        grep -qa '"fstat"' $kind.onnx || no "$kind: no vocabulary"
        grep -qa "export --to onnx -o $kind.onnx $kind.model" $kind.onnx || no "$kind: no provenance"
        [ "$(wc -c <out)" -gt 5000 ] || no "$kind: hardly anything on standard output"
        refused 'an ONNX net that `strange export` wrote: `strange info MODEL` describes the model' "$strange" info $kind.onnx
    done
    status 0 "$strange" export --to onnx -o again.onnx lstm.model
    grep -q 'is no net, and not in the graph' err || no 'what is not in the graph is not said'
    "$strange" -q train -o ngram.model --valid valid.data train.data
    refused 'ngram is no net' "$strange" export --to onnx -o x ngram.model
    "$strange" -q train --model lstm --ensemble 2 --hidden 8 --layers 1 --updates 2 --valid valid.data -o two.model train.data
    refused 'distill it into one' "$strange" -q export --to onnx -o x two.model
    refused 'takes MODEL' "$strange" export --to onnx -o x lstm.model odd.data
    refused 'nowhere/' "$strange" -q export --to onnx -o nowhere/x lstm.model
    absent x
}

# From the events of a table to their surprisals, by the ONNX file and its page alone.
case_onnx_runs() {
    runtime=${STRANGE_ONNXRUNTIME:-$here/../../out/bench/onnx}
    [ -e "$runtime/node_modules/onnxruntime-node" ] && command -v node >/dev/null || exit 77
    for preset in '' '--preset paper'; do
        for name in train valid odd; do
            case $name in train) n=40 seed=1 ;; valid) n=20 seed=2 ;; *) n=20 seed=3 ;; esac
            strace_text $n $seed "$([ $name != odd ] || echo odd)" | sed 's/ENOENT (.*)/EAGAIN (Resource temporarily unavailable)/' >$name.txt
            # shellcheck disable=SC2046,SC2086 # words
            "$strange" -q prepare $preset --cut accept --scope thread --order time $([ $name = train ] || echo --vocab train.data) -o $name.data $name.txt
        done
        for kind in lstm transformer longformer; do
            # shellcheck disable=SC2086
            "$strange" -q train --model $kind $preset --updates 3 --valid valid.data -o net.model train.data
            "$strange" -q export --to onnx -o net.onnx net.model
            "$strange" -q export --to csv -o events.csv net.model odd.data
            "$strange" -q export --to csv --rows sequences -o sequences.csv net.model odd.data
            node "$here/../onnx_events.js" "$runtime" net.onnx events.csv sequences.csv || no "$kind $preset"
        done
    done
}

case_eval_and_report() {
    trained
    status 0 "$strange" eval web.model --known test.data --novel odd=odd.data
    grep -q odd out
    status 0 "$strange" eval --json web.model --known test.data --novel odd=odd.data --valid-known valid.data --valid-novel odd=odd.data
    for key in auroc auprc f1 accuracy fpr n_known n_novel macro_auroc tpr_at_fpr; do grep -q "\"$key\"" out || no "no $key"; done
    status 0 "$strange" report -o report.html --known test.data --novel odd=odd.data -- web.model
    grep -qi '<html' report.html
    grep -qF 'symbols (call, entry/exit, errno, size), ' report.html || no 'not all of what a symbol is made of is told'
    ! grep -Eq '(src|href)="https?:' report.html || no "the report loads something from the network"
    mkdir -p sub/odd
    cp odd.data sub/odd/
    status 0 "$strange" eval web.model --known test.data --novel sub/odd/odd.data x=odd.data
    grep -q '^odd.data  *60 ' out || { cat out; no 'not named after its file'; }
    grep -q '^x  *60 ' out
    for bad in =odd.data x= ''; do refused "'$bad' lacks the name or the data" "$strange" eval web.model --known test.data --novel "$bad"; done
    refused "--valid-novel: 'od' is no behaviour of --novel" "$strange" eval web.model --known test.data --novel odd=odd.data --valid-known valid.data --valid-novel od=odd.data
    refused "--valid-novel: 'od' is no behaviour of --novel" "$strange" report -o x.html --known test.data --novel odd=odd.data --valid-known valid.data --valid-novel od=odd.data -- web.model
    refused 'nowhere/' "$strange" report -o nowhere/r.html web.model --known test.data
}

case_groups() {
    trained
    status 0 "$strange" eval --group 20 web.model --known test.data --novel odd=odd.data
    grep -q '^Groups of 20 sequences' out || no 'no table of groups'
    status 0 "$strange" eval --json --group 20 web.model --known test.data --novel odd=odd.data
    for key in group n_known_groups group_fpr n_groups group_auroc group_tpr; do grep -q "\"$key\"" out || no "no $key"; done
    status 0 "$strange" eval --json web.model --known test.data --novel odd=odd.data
    ! grep -q group out || no 'groups without --group'
    status 1 "$strange" score --group 5 --alpha 0.05 web.model odd.data
    grep -q '^groups of 5: 11 of 12 novel (p <= 0.05, against 40 of the calibration)$' out || { cat out; no 'the groups are not judged'; }
    status 1 "$strange" score --group 7 --json web.model test.data odd.data
    [ "$(grep -c '"group":' out)" = $((196 + 56)) ] || no 'a group with sequences of two data sets, or an incomplete one'
    sed -n 201p out | grep -q '^{"data": "odd.data", "group": 28, "group_p_value": 0' || no 'the first group of the second data set'
    refused '1 is out of bounds' "$strange" score --group 1 web.model test.data
}

# perf_text SEED PID: `perf script` of 150 connections of one process.
perf_text() {
    awk -v seed="$1" -v pid="$2" '
        function call(number, ret) {
            printf "server %d/%d [000] %.9f: raw_syscalls:sys_enter: NR %d (7, 0, 0, 0, 0, 0)\n", pid, pid, t += 0.0001 + rand() / 1e5, number
            printf "server %d/%d [000] %.9f: raw_syscalls:sys_exit: NR %d = %d\n", pid, pid, t += 0.00001, number, ret
        }
        BEGIN { srand(seed); for (t = 1000 * seed; i < 150; i++) { call(288, 7); call(0, 3); if (rand() < 0.5) call(257, 8); call(1, 2); call(3, 0) } }'
}

case_calibrate_runs() {
    data_sets
    status 0 "$strange" train --calibrate valid.data -o web.model -- train.data
    grep -q 'calibrated on one run' err || { cat err; no 'one run is not said'; }
    status 0 "$strange" train --json --calibrate valid.data test.data -o web.model -- train.data
    grep -q 'calibrated on 2 runs: at alpha 0.01 a run that is left out has' err || { cat err; no 'two runs are not said'; }
    grep -Eq '^\{"schema": "strange.train/1", .*"runs": 2, "least_alpha": 0.0024[0-9]*, "left_out_rates": \[[^],]*, [^],]*\]' out || { cat out; no 'no rates'; }
    # The same two recordings in one data set are two runs all the same.
    rates=$(grep -o '"left_out_rates": \[[^]]*\]' out)
    "$strange" -q prepare --cut accept --scope thread --vocab train.data -o both.data valid.txt test.txt
    status 0 "$strange" train --json --calibrate both.data -o both.model -- train.data
    grep -q 'calibrated on 2 runs: ' err || { cat err; no 'two traces of a data set are one run'; }
    grep -qF "$rates" out || { cat out; no "others than $rates"; }
    status 0 "$strange" score web.model test.data
    # What is held out of several runs is of the last.
    status 0 "$strange" train -o held.model -- both.data
    grep -q 'warning: what is held out is the end of one run, and the data has 2: ' err || { cat err; no 'that runs are not used is not said'; }
    status 0 "$strange" train -o held.model -- valid.data
    ! grep -q 'warning: what is held out' err || { cat err; no 'there is one run'; }
    status 0 "$strange" train -o held.model -- train.data valid.data test.data
    ! grep -q 'warning: what is held out' err || { cat err; no 'all runs are held out of'; }
    # Runs without a restart between them do not tell what one changes.
    for run in 1 2 3; do perf_text $run 100 >same-$run.txt; done
    perf_text 4 200 >other.txt
    for run in same-1 same-2 same-3 other; do
        status 0 "$strange" prepare --cut accept $([ $run = same-1 ] || echo --vocab same-1.data) -o $run.data $run.txt
    done
    status 0 "$strange" train --calibrate same-2.data other.data -o same.model -- same-1.data
    ! grep -q 'are of process' err || { cat err; no 'runs of two processes are taken for those of one'; }
    status 0 "$strange" train --calibrate same-2.data same-3.data -o same.model -- same-1.data
    grep -q 'all runs of the calibration are of process 100: ' err || { cat err; no 'one process is not said'; }
}

case_info() {
    trained
    status 0 "$strange" info train.txt train.data web.model
    [ "$(grep -c '^kind ' out)" = 3 ]
    grep -Eq '^sequences +400$' out
    grep -Eq '^ +[0-9,]+  accept4$' out
    status 0 "$strange" info --json train.txt train.data web.model
    [ "$(grep -c '^{"schema": "strange.info/1", "path": ' out)" = 3 ]
    # One figure for one thing, and the one that score prints; a model's own record says the same.
    limit=$(sed -n 's/.*"threshold": {"of": "novelty", "alpha": 0.01, "value": \([0-9.]*\)}.*/\1/p' out)
    [ -n "$limit" ] && [ "$(grep -c "\"novel_from\": {.*\"novelty\": $limit[,}]" out)" = 1 ] || { cat out; no 'two thresholds of one thing'; }
    ! grep -q '"thresholds"' out || no 'thresholds in another unit'
    "$strange" score web.model odd.data >score || true
    grep -q "novelty >= $(printf %.4g "$limit")" score || { cat score; no "score has another than $limit"; }
    "$strange" -q train --json --calibrate valid.data -o again.model -- train.data | grep -q '"novel_from": {' || no 'not in the record'
    refused 'nowhere' "$strange" info nowhere
}

case_score_many() {
    trained
    status 1 "$strange" score --json web.model test.data odd.data
    [ "$(wc -l <out)" = 260 ]
    [ "$(grep -c '"data": "odd.data"' out)" = 60 ]
    status 0 "$strange" score --threads 1 --json web.model test.data
    cp out one
    status 0 "$strange" score --threads 3 --json web.model test.data
    cmp out one
    for aggregate in mean median window upper rms; do
        status 0 "$strange" score --aggregate $aggregate web.model test.data
    done
}

case_options_of_lists() {
    data_sets
    "$strange" -q train -o a.model --calibrate valid.data test.data -- train.data
    "$strange" -q train -o b.model --calibrate valid.data test.data train.data # the last one is given back as the operand
    "$strange" info --json a.model >a.json
    "$strange" info --json b.model >b.json
    grep -q '"calibration_sequences": 400' a.json
    grep -q '"calibration_sequences": 400' b.json
}

case_hold_out_is_said() {
    data_sets
    status 0 "$strange" train --updates 5 --heads 2 --ngram-order 3 -o web.model train.data
    grep -q -- '--updates: changes nothing of a model of the kind ngram' err || { cat err; no 'a useless option is not said'; }
    grep -q -- '--heads: changes nothing' err
    ! grep -q 'ngram-order' err || { cat err; no 'an option of the model is called useless'; }
    status 0 "$strange" train --model lstm --updates 2 --hidden 8 --heads 2 --ngram-order 3 -o web.model train.data
    [ "$(grep -c 'changes nothing of a model of the kind lstm' err)" = 2 ] || { cat err; no 'not these two'; }
    status 0 "$strange" train -o web.model train.data
    ! grep -q 'changes nothing' err || { cat err; no 'a useless option where there is none'; }
    grep -q '100 of 400 sequences, the latest, are held out for calibration' err
    ! grep -q 'is what the model learns' err || { cat err; no 'what is held out is called learnt'; }
    ln -s train.data same.data
    status 0 "$strange" train -o same.model --valid valid.data --calibrate test.data same.data -- train.data
    grep -q 'calibrate same.data: is what the model learns, too' err || { cat err; no 'that it calibrates with what it learned is not said'; }
    ! grep -q 'valid.data: is what' err || { cat err; no 'other data is called learnt'; }
    "$strange" info --json web.model | grep -q '"calibration_sequences": 100'
    status 0 "$strange" --quiet train -o web.model train.data
    [ ! -s err ] || { cat err; no "--quiet talks"; }
    # However large the part: what is to be learnt from is not held out to the last sequence.
    for n in 1 2 4; do
        strace_text $n 7 >few.txt
        "$strange" -q prepare --cut accept --scope thread -o few.data few.txt
        "$strange" train --hold-out 0.9 -o few.model few.data 2>err
        grep -q '^strange: few.model: 1 sequence in' err || { cat err; no "of $n sequences not one is learnt"; }
    done
}

case_same_bits() {
    strace_text 100 >t.txt
    for i in 1 2; do
        mkdir $i
        cp t.txt $i/t.txt
        (cd $i && SOURCE_DATE_EPOCH=1700000000 "$strange" -q prepare --cut accept -o t.data t.txt &&
            SOURCE_DATE_EPOCH=1700000000 "$strange" -q train --threads $i -o t.model t.data)
    done
    cmp 1/t.data 2/t.data
}

# Names that the model does not know are shown by name, whether a trace is cut on the way or beforehand.
case_unknown_names() {
    trained
    for input in odd.data odd.txt; do
        status 0 "$strange" explain web.model $input
        grep -q '(unknown to the model: socket, execve, ptrace)' out || { cat out; no 'the unknown calls are not named'; }
        grep -q '→ ptrace .*unknown to the model' out || { cat out; no 'an unknown call is shown without its name'; }
        status 0 "$strange" explain --json web.model $input
        grep -q '"call": "ptrace"' out
        grep -q '"call_known": false' out
    done
    "$strange" score --json web.model odd.data | sed 's/"data": [^,]*, //' >data.json || true
    "$strange" score --json web.model odd.txt >trace.json || true
    cmp data.json trace.json
    status 0 "$strange" info odd.data
    grep -Eq '^ +[0-9,]+  ptrace' out || { cat out; no 'info does not name them'; }
    status 0 "$strange" report -o report.html web.model --known test.data --novel odd=odd.data
    grep -q 'ptrace' report.html
    # Data that extends a vocabulary trains as before: the names of the first data set are the model's.
    status 0 "$strange" train -o both.model train.data odd.data
    [ "$("$strange" info --json both.model | sed 's/.*"vocabulary": {"calls": \([0-9]*\).*/\1/')" = \
        "$("$strange" info --json train.data | sed 's/.*"vocabulary": {"calls": \([0-9]*\).*/\1/')" ]
    refused 'its vocabulary differs' "$strange" train -o none.model odd.data train.data
    # Another order is what helps, or other data: both are said.
    refused 'both begin with that of train.data: give this one first' "$strange" train -o none.model odd.data train.data
    strace_text 60 5 odd | sed 's/ptrace/keyctl/' >other.txt
    "$strange" -q prepare --cut accept --scope thread --vocab train.data -o other.data other.txt
    refused 'other.data: its vocabulary differs from that of odd.data; both begin with that of train.data: give this one first' \
        "$strange" train -o none.model odd.data other.data train.data
    refused 'both extend that of their --vocab: give data with that one first, or prepare this again with --vocab odd.data' \
        "$strange" train -o none.model odd.data other.data
    status 0 "$strange" train -o all.model train.data odd.data other.data
    refused 'other.data: its vocabulary differs from that of odd.data: prepare it with --vocab odd.data' "$strange" train -o none.model --valid other.data odd.data
}

# What training had not is told first however few sequences have it, and never that all is as usual; so it is on the first screen.
case_findings_few() {
    trained
    strace_text 200 5 | sed '101s/read(/ptrace(/' >one.txt
    status 0 "$strange" explain web.model one.txt
    grep -q '^what training had not, in 1 of 200 sequences, first in [0-9]* of one.txt:$' out || { cat out; no 'what is new is not told'; }
    grep -q '^  - the program makes calls that no known sequence makes: ptrace (once): it looks into other processes$' out || { cat out; no 'nor by name'; }
    ! grep -q 'Like known sequences' out || { cat out; no 'all is said to be as usual'; }
    status 0 "$strange" explain --behaviours web.model one.txt
    grep -q ': ptrace (' out || no 'the behaviours do not say it'
    status 0 "$strange" explain --behaviours --json web.model one.txt
    grep -q '"sequences_unseen": 1, "unseen": \[{"process": "", "call": "ptrace", "new_process": false, "thread": false, "calls": 1, "sequences": 1, "first": {"data": "one.txt"' out ||
        no 'nor does the JSON'
    "$strange" -q report -o page.html --known one.txt -- web.model
    sed '/class="tiles"/q' page.html >first
    grep -q '<strong>Little that is novel, but look at it.</strong>' first || no 'the first screen says that nothing is novel'
    grep -q 'makes calls that no known sequence makes: ptrace (once)</strong>' first || no 'the first screen does not say what'
}

# Each novel set has behaviours of its own: what is said of one is true of it.
case_findings_sets() {
    trained
    sed 's/socket(AF_INET/memfd_create("x"/; s/ptrace(PTRACE_TRACEME/mmap(NULL/; s/execve("\/bin\/sh"/fork(/; s/-1 EACCES .Permission denied./31/' odd.txt >other.txt
    "$strange" -q report -o page.html --known test.data --novel odd=odd.data other=other.txt -- web.model
    sed '/class="tiles"/q' page.html >first
    for set in odd other; do
        grep -q "<p>In .* novel sequences of <code>$set</code>:</p>" first || { cat first; no "nothing of $set"; }
    done
    [ "$(grep -c '<li>.*socket (1 in each' first)" = 1 ] || { cat first; no 'what one does is not said once'; }
    [ "$(grep -c '<li>.*memfd_create (1 in each' first)" = 1 ] || { cat first; no 'nor what the other does'; }
    [ "$(grep -c ' sequences of <code>o[a-z]*</code> are novel, and fall into' page.html)" = 2 ] || no 'the figures are of both together'
}

# The alpha that is suggested is not rounded to one that cannot be reached, either: 1/23 is more than 0.043.
case_suggested_alpha() {
    data_sets 60
    status 0 "$strange" train --hold-out 0.37 -o small.model train.data
    status 0 "$strange" score small.model test.data
    grep -q 'and the model has 22: ' err || { cat err; no 'not 22'; }
    status 0 "$strange" score --alpha "$(sed -n 's/.* or judge at --alpha //p' err)" small.model test.data
    grep -q '^verdict: nothing novel' out || { cat out; no 'no verdict'; }
}

# A call that training had not is named however few have it; --strict counts it.
case_strict() {
    trained
    status 0 "$strange" score web.model test.data
    ! grep -q 'what training had not' out || { cat out; no 'something new in known data'; }
    strace_text 200 5 | sed '101s/read(/ptrace(/' >one.txt
    status 0 "$strange" score --worst 0 web.model one.txt
    grep -q '^what training had not, in 1 of 200 sequences, first in [0-9]* of one.txt:$' out && grep -q 'ptrace (once' out || { cat out; no 'the call is not named'; }
    grep -q '^verdict: nothing novel by the number of sequences, but look at' out || { cat out; no 'it passes for nothing'; }
    status 1 "$strange" score --worst 0 --strict web.model one.txt
    grep -q '^verdict: novel, by what counts only with --strict$' out || { cat out; no 'strict is not'; }
}

# A calibration set smaller than 1/alpha cannot call a single sequence novel, and must not call anything known.
case_small_calibration() {
    data_sets 60
    status 0 "$strange" train -o small.model train.data
    grep -q '20 of 60 sequences, the latest,' err
    grep -q 'only 20 sequences to calibrate the model: no single one can be called novel below alpha 0.048' err
    status 0 "$strange" score small.model test.data
    grep -q 'alpha 0.01 needs 99 calibration sequences, and the model has 20: ' err
    grep -q '^no verdict: too few calibration sequences' out || { cat out; no 'a verdict that cannot be'; }
    status 2 "$strange" score --strict small.model test.data
    grep -q 'strict: the model has 20 calibration sequences, too few' err
    status 0 "$strange" score --json small.model test.data
    [ "$(grep -c '"novel": null' out)" = 200 ] || no 'sequences are judged'
    status 0 "$strange" report -o r.html small.model --known test.data
    grep -q 'No verdict: 20 calibration sequences are too few' r.html || no 'the report has a verdict'
    ! grep -q 'What is different' r.html || no 'that nothing is novel is said where nothing can be'
    status 0 "$strange" explain small.model test.data
    sed -n 1p out | grep -q '^Sequence ' || no 'nor is it for explain to say'
    status 0 "$strange" report -o r.html small.model --known test.data --novel odd=odd.data
    grep -q 'No single sequence can be judged' r.html || no 'the report does not say so'
    status 0 "$strange" score --alpha 0.05 small.model test.data
    grep -q '^verdict: nothing novel$' out
    # Many that are all above every calibration score are too many for chance.
    strace_text 200 5 | sed 's/read(/ptrace(/; s/write(/execve(/' >all.txt
    status 1 "$strange" score small.model all.txt
    grep -q '^above all 20 calibration scores: 200 of 200' out || { cat out; no 'not counted'; }
    grep -q '^verdict: novel$' out
    # What score calls novel is explained.
    status 0 "$strange" explain --behaviours small.model all.txt
    sed -n 1p out | grep -q '^200 of 200 sequences are above all calibration scores, which are too few to call single ones novel, in [1-9]' ||
        { cat out; no 'explain calls nothing novel'; }
    status 0 "$strange" explain small.model all.txt
    sed -n 1p out | grep -q '^200 of 200 sequences are above all 20 calibration scores, and chance makes up to [0-9]* of known ones so$' ||
        { cat out; no 'nor does it say what is different'; }
    status 0 "$strange" report -o r.html small.model --known all.txt
    grep -q '200 of 200 sequences are above all 20 calibration scores: more than chance explains' r.html || no 'the report has another verdict'
    grep -q 'What is different' r.html || no 'and does not say what'
}

# A pipe can be read once: the choice of the cut rule takes nothing from it.
case_pipes() {
    strace_text 100 >t.txt
    status 0 "$strange" prepare -o whole.data t.txt
    sed 's/whole/piped/' err >expected
    status 0 sh -c '"$strange" prepare --format strace -o piped.data - <t.txt'
    cmp expected err
    mkfifo pipe
    cat t.txt >pipe &
    status 0 timeout 60 "$strange" prepare --format strace -o piped.data pipe
    wait
    cmp expected err
    refused 'standard input: what comes through a pipe or a device is not recognised' sh -c '"$strange" prepare -o x.data - <t.txt'
    refused 'standard input: what comes through a pipe or a device is not recognised' sh -c '"$strange" info - <t.txt'
    refused 'pipe: what comes through a pipe or a device is not recognised' "$strange" diff t.txt pipe
    status 0 sh -c '"$strange" info --format strace - <t.txt'
    absent x.data
}

# Lines of a process and its call make a sequence of each process, of a file and of a directory of them. Read as lists they say nothing.
case_pairs() {
    mkdir runs
    awk 'BEGIN { for (i = 0; i < 90; i++) print 500 + i % 3, 4 + i % 7 }' >runs/a.int
    cp runs/a.int runs/b.int
    status 0 "$strange" prepare -o x.data runs/a.int
    [ "$(cat err)" = 'strange: x.data: 3 sequences (cut by thread, thread order) from 90 events' ] || { cat err; no 'not three processes'; }
    status 0 "$strange" prepare -o x.data runs
    [ "$(cat err)" = 'strange: x.data: 6 sequences (cut by thread, thread order) from 180 events' ] || { cat err; no 'not six processes'; }
    status 0 "$strange" prepare --format intlist -o x.data runs/a.int
    grep -q 'runs/a.int: every line holds two numbers.*--format pairs' err || { cat err; no 'not said'; }
    echo 'sendmail, normal' >runs/c.int
    refused 'runs/c.int: line 1: not a process and its call' "$strange" prepare --format pairs -o x.data runs
    gzip -c runs/a.int >runs/c.int
    for format in intlist pairs; do refused 'runs/c.int: compressed (gzip): unpack it first' "$strange" prepare --format $format -o x.data runs; done
}

# Sets are published packed.
case_packed_directory() {
    mkdir runs
    strace_text 5 >a.txt
    gzip -c a.txt >runs/a.txt.gz
    refused 'runs: a file in it is compressed (gzip): unpack them first' "$strange" info runs
    rm runs/*
    printf '\301\037\374\301' >runs/stream
    refused 'runs: streams of a CTF trace without their file' "$strange" info runs
}

# Names of calls are found by themselves, other keys are asked for.
case_name_lists() {
    for i in $(seq 9); do echo 'execve|brk|openat|read|close|exit_group'; done >bars.log
    status 0 "$strange" prepare -o x.data bars.log
    grep -q ' 9 sequences (cut by given, thread order) from 54 events' err || { cat err; no 'not nine'; }
    for i in $(seq 9); do echo 'E5 E22 E5'; done >keys.txt
    refused 'keys.txt: not a trace of a known format' "$strange" prepare -o y.data keys.txt
    status 0 "$strange" prepare --format namelist -o y.data keys.txt
    "$strange" info --json x.data | grep -q '"exit_group"' || no 'another name'
}

# What is written for an input does not grow with how many there are.
case_many_inputs() {
    trained
    strace_text 3 9 >few.txt
    # shellcheck disable=SC2046 # words
    set -- $(for i in $(seq 2000); do echo ./././././././././././././././few.txt; done)
    status 0 sh -c 'ulimit -f 64; "$strange" -q score --json web.model "$@" | wc -l' sh "$@"
    [ "$(cat out)" = 6000 ] || { cat err; no 'not three of each'; }
}

# A recording of an attack is normal for most of its time: what is judged is its most novel sequence.
case_per_trace() {
    trained
    for i in 1 2 3; do
        strace_text 20 1$i >known-$i.txt
        { strace_text 20 2$i; strace_text 3 3$i odd | sed 's/ 1700000/ 1700009/'; } >attack-$i.txt
    done
    for name in known attack; do "$strange" -q prepare --cut accept --scope thread --vocab train.data -o $name.data $name-?.txt; done
    status 0 "$strange" eval --per-trace web.model --known known.data --novel attack=attack.data
    grep -q '^attack  *3   1.000 ' out || { cat out; no 'not three traces, told apart'; }
    ! grep -q 'As a stream' out || no 'a stream of traces'
    status 0 "$strange" eval --per-trace --json web.model --known known-?.txt --novel attack=attack.data
    grep -q '"n_known": 3,' out || { cat out; no 'inputs are traces, too'; }
    grep -q '"per_trace": true' out
    status 0 "$strange" eval --json web.model --known known.data --novel attack=attack.data
    grep -q '"n_known": 60,' out
    ! grep -q per_trace out || no 'not asked for'
    refused "attack-*.txt: shells do not look for files behind odd=" "$strange" eval web.model --known known.data --novel 'odd=attack-*.txt'
    cp attack-1.txt 'attack-[1].txt'
    status 0 "$strange" eval web.model --known known.data --novel 'odd=attack-[1].txt'
    refused 'give one of them' "$strange" eval --per-trace --group 2 web.model --known known.data --novel attack=attack.data
}

# Calls, programs and symbols are counted without the tokens that stand for none, and failures by what the trace knows of them.
case_info_counts() {
    trained
    status 0 "$strange" info train.data
    grep -q '^vocabulary  *calls 6, processes 0$' out || { cat out; no 'not the six calls'; }
    "$strange" -q prepare --json -o again.data train.txt >out
    grep -q '"calls": 6, "processes": 0' out || { cat out; no 'prepare has not the six calls'; }
    status 0 "$strange" info odd.data
    grep -q '^  calls  *9$' out && grep -q '^  extends  *calls 6, processes 0$' out || { cat out; no 'not three more'; }
    known_lists 40 4 >lists.txt
    "$strange" -q prepare -o lists.data lists.txt
    "$strange" -q train -o lists.model lists.data 2>/dev/null
    status 0 "$strange" info lists.model
    grep -q '^vocabulary  *calls 4, processes 0$' out && grep -q '^symbols  *4$' out && grep -q '^  symbols  *4$' out || { cat out; no 'not four calls'; }
    paper=$here/../data/paper/data.txt
    failures=$(awk -F';' '{ n = split($7, ret, ","); for (i = 1; i <= n; i++) failed += ret[i] == 2 || ret[i] < 0 } END { print failed }' "$paper")
    [ "$failures" -gt 0 ] || no 'nothing fails there'
    status 0 "$strange" info "$paper"
    grep -q "^failed exits  *$failures$" out || { cat out; no "not $failures"; }
    "$strange" -q prepare -o paper.data "$paper"
    status 0 "$strange" info paper.data
    grep -q "^failed exits  *$failures$" out || { cat out; no "not $failures of the data set"; }
}

# Labelled integer lists, a file for each trace, as docs/howto/public-data.md goes about them.
case_integer_lists() {
    mkdir -p normal held attacks
    for i in $(seq 150); do
        echo "6 3 4 5 3 4 5 $((i % 7 + 20)) 3 4" >normal/$i.txt
        echo "6 3 4 5 3 4 $((i % 7 + 20)) 3 4 5" >held/$i.txt
    done
    for attack in one two; do
        mkdir attacks/$attack
        for i in 1 2 3; do echo "6 3 4 102 11 $i 3 4 102 11" >attacks/$attack/$i.txt; done
    done
    status 0 "$strange" prepare -o normal.data normal
    status 0 "$strange" train -o normal.model normal.data
    status 0 "$strange" eval normal.model --known held --novel attacks/*
    grep -q '^one  *3 ' out || { cat out; no 'a directory is no behaviour'; }
    grep -q '^two  *3 ' out
    status 1 "$strange" score normal.model attacks
    status 1 "$strange" score --alpha 0.05 normal.model attacks
    grep -q '  novel: content  attacks/two/1.txt$' out || { cat out; no 'the table names no file'; }
    grep -q ' like [0-5] of attacks (attacks/[a-z]*/[123].txt): more 2 × 102 (never in known), 2 × 11 (never in known)' out || { cat out; no 'numbers beside each other, or no file'; }
    status 0 "$strange" explain --behaviours normal.model attacks
    grep -q '^1\. [0-9] sequences like [0-5] of attacks (attacks/[a-z]*/[123].txt)$' out || { cat out; no 'no file of a behaviour'; }
    grep -q '^   seen  *first sequence 0 (attacks/one/1.txt), last 5 (attacks/two/3.txt); ' out || { cat out; no 'nor of its first sequence'; }
    grep -q '^   surprising  *102 after 4: [0-9]' out || { cat out; no 'a call beside its share'; }
    status 0 "$strange" explain --behaviours --json normal.model attacks
    grep -q '"first": {"data": "attacks", "id": 0, "begin_ns": 0, "file": "attacks/one/1.txt"}' out || { cat out; no 'nor in JSON'; }
    status 0 "$strange" report -o page.html --known attacks -- normal.model
    grep -q '<dd>first in sequence 0 of <code>attacks</code> (<code>attacks/one/1.txt</code>), last in 5 of ' page.html || no 'nor on the page'
    for rows in events sequences; do
        status 0 "$strange" export --to csv --rows $rows -o - normal.model attacks
        sed -n 1p out | grep -q ',file.$' && sed -n '$p' out | grep -q ',"attacks/two/3.txt".$' || { tail -n 2 out; no "no files of $rows"; }
    done
    sed 1q attacks/one/1.txt >line.txt
    status 0 "$strange" export --to csv --rows sequences -o - normal.model line.txt
    grep -q ',load.$' out || { cat out; no 'a column for no file'; }
    status 1 "$strange" score --json normal.model attacks
    [ "$(grep -o '"file": "[^"]*"' out | sed -n 4p)" = '"file": "attacks/two/1.txt"' ] || { cat out; no 'another file'; }
    "$strange" -q prepare --vocab normal.data -o attacks.data attacks
    status 1 "$strange" score --json normal.model attacks.data
    grep -q '"file": "attacks/two/3.txt"' out
    status 0 "$strange" explain --sequence 4 normal.model attacks.data
    grep -q '^ *trace  *attacks/two/2.txt$' out || { cat out; no 'another file'; }
}

# The files of a directory stand by their names: the last of them may be of a program of their own.
case_lists_of_programs() {
    mkdir normal
    for i in $(seq 100 199); do
        echo "6 3 4 5 3 4 5 $((i % 7 + 20)) 3 4" >normal/a$i.txt
        echo "9 1 2 9 1 2 9 $((i % 5 + 30)) 1 2" >normal/b$i.txt
    done
    "$strange" -q prepare -o normal.data normal
    status 0 "$strange" train -o normal.model normal.data
    grep -q 'no --valid and no --calibrate: 100 of 200 sequences, spread evenly, are held out for calibration' err ||
        status 0 "$strange" train --hold-out 0.25 -o normal.model normal.data
    grep -q '50 of 200 sequences, spread evenly, are held out for calibration' err || { cat err; no 'the last ones are held out'; }
    "$strange" info --json normal.model >info
    grep -q '"spread": 0.25' info || { cat info; no 'how is not recorded'; }
    status 0 "$strange" score normal.model normal
    # A student is compared on what neither has learnt.
    status 0 "$strange" distill --student lstm --hidden 8 --updates 3 --hold-out 0.25 -o student.model normal.model normal.data
    ! grep -q 'has learnt' err || { cat err; no 'what is held out is called learnt'; }
    status 0 "$strange" distill --student lstm --hidden 8 --updates 3 --hold-out 0.5 -o student.model normal.model normal.data
    grep -q 'has learnt' err || { cat err; no 'what was learnt is not said'; }
}

# Times that a trace does not have are not judged without a word.
case_without_times() {
    trained
    sed 's/^\([0-9]*\) [0-9.]* /\1 /; s/ <[0-9.]*>$//' test.txt >timeless.txt
    status 1 "$strange" score web.model timeless.txt
    grep -q 'timeless.txt: has no times, which the model judges' err || { cat err; no 'not said'; }
    status 0 "$strange" score --aggregate rms web.model timeless.txt
    status 0 "$strange" score web.model test.txt
    ! grep -q 'has no times' err || { cat err; no 'said of a trace that has them'; }
}

# A recording without a sequence is no known behaviour: a gate must not pass.
case_nothing_to_judge() {
    trained
    "$strange" -q prepare --cut request --vocab train.data -o none.data test.txt
    for command in score 'score --json' explain; do
        # shellcheck disable=SC2086 # an option
        status 2 "$strange" $command web.model none.data
        grep -q 'none.data: no sequences' err || { cat err; no 'not said'; }
    done
    status 0 "$strange" score web.model test.data none.data
    grep -q 'warning: none.data: no sequences' err
    status 0 "$strange" info none.data
    grep -q '^sequences  *0$' out
    ! grep -q '^length' out || { cat out; no 'a length of nothing'; }
    for cut in thread window:10; do
        status 0 "$strange" prepare --skip-first 10h --cut $cut -o early.data test.txt
        grep -q 'try a shorter --skip-first, or another --cut' err || { cat err; no "$cut: another advice"; }
    done
    refused '--calibrate: none.data: no sequences' "$strange" train --calibrate none.data -o x.model -- train.data
    # The other recipe is said, too, before the failure.
    fails() { status 2 "$@"; tail -n 1 err | grep -q 'none.data: no sequences' || { cat err; no "not said: $*"; }; }
    fails "$strange" train --valid none.data -o x.model -- train.data
    fails "$strange" report -o x.html --known none.data -- web.model
    fails "$strange" eval web.model --known none.data --novel odd=odd.data
    fails "$strange" eval web.model --known test.data --novel odd=odd.data --valid-known none.data --valid-novel odd=odd.data
    fails "$strange" eval web.model --known test.data --novel odd=odd.data --valid-known valid.data --valid-novel odd=none.data
    absent x.model x.html
    refused 'out of bounds' "$strange" explain --worst 0 web.model test.data
    # A model of ready-made sequences cannot cut a trace.
    printf '1 2 3\n1 2 3 4\n' >lists.txt
    "$strange" -q prepare -o lists.data lists.txt
    "$strange" -q train -o lists.model lists.data
    refused 'ready-made sequences' "$strange" score lists.model test.txt
}

case_other_recipe() {
    trained
    "$strange" -q prepare --cut thread --vocab train.data -o threads.data test.txt
    "$strange" -q prepare --cut accept --scope thread --order time --vocab train.data -o time.data test.txt
    "$strange" score web.model threads.data >out 2>err || true
    grep -q "warning: threads.data: prepared with another cut (thread, thread, thread) than the model's data (accept, thread, thread)" err ||
        { cat err; no 'another cut is not said'; }
    "$strange" score web.model time.data >out 2>err || true
    grep -q 'with another order' err || { cat err; no 'another order is not said'; }
    status 0 "$strange" train --calibrate threads.data -o x.model -- train.data
    grep -q 'with another cut' err
    status 0 "$strange" score web.model test.data
    [ ! -s err ] || { cat err; no 'a warning for nothing'; }
}

# Sources without a clock: their events are numbered, no times are made up.
case_no_clock() {
    i=0
    while [ $i -lt 200 ]; do
        printf '5 6 7 8 9\n5 6 6 7 8 9\n'
        i=$((i + 1))
    done >known.txt
    printf '5 6 9 9 7\n' >odd.txt
    "$strange" -q prepare -o known.data known.txt
    "$strange" -q train -o m.model known.data
    status 1 "$strange" score m.model odd.txt
    ! grep -q '[0-9] [mun]*s ' out || { cat out; no 'a duration'; }
    status 0 "$strange" explain m.model odd.txt
    grep -Eq '^> +#2 ' out || { cat out; no 'events are not numbered'; }
    ! grep -q '^  begins\|process\|[0-9] ns' out || { cat out; no 'what the trace does not know is shown'; }
}

# The tracers' spellings of a call are one call: a model of one source reads another.
case_spellings() {
    trained
    sed 's/ fstat(/ newfstat(/' test.txt >kernel.txt
    status 0 "$strange" score --json web.model test.data
    grep -o '"perplexity": [^,]*' out >a
    status 0 "$strange" score --json web.model kernel.txt
    grep -o '"perplexity": [^,]*' out >b
    cmp a b || no 'another spelling scores otherwise'
}

# A name from a trace must not drive the terminal, nor is shown what the trace does not know.
case_info_is_plain() {
    printf '    ev\033[31mil  4711 [000]  12.000001: raw_syscalls:sys_enter: NR 0 (3, 7ffd, 10, 0, 0, 0)\n' >p.txt
    printf '    ev\033[31mil  4711 [000]  12.000002: raw_syscalls:sys_exit: NR 0 = 16\n' >>p.txt
    status 0 "$strange" info p.txt
    ! grep -q "$(printf '\033')" out || no 'a control character on the terminal'
    strace_text 20 >t.txt
    status 0 "$strange" info t.txt
    ! grep -q '^processes\|^cpus\|^top processes' out || { cat out; no 'what strace does not know is shown'; }
    "$strange" -q prepare -o t.data t.txt
    status 0 "$strange" info t.data
    ! grep -q 'UNKNOWN' out || { cat out; no 'names that are not there'; }
}

# The paper's data.txt knows success or failure, not the value: none is made up.
case_class_only() {
    i=0
    while [ $i -lt 120 ]; do
        printf '2,5,5,6,6,3;0,1,2,1,2,0;0,12,340,9,7,1;2,5,5,5,5,3;0,70,70,70,70,0;0,71,71,71,71,0;0,0,1,0,2,0;0.9\n'
        i=$((i + 1))
    done >known.txt
    printf '2,5,5,5,5,3;0,1,2,1,2,0;0,12,340,9,7,1;2,5,5,5,5,3;0,70,70,70,70,0;0,71,71,71,71,0;0,0,1,0,1,0;0.9\n' >odd.txt
    "$strange" -q prepare -o known.data known.txt
    "$strange" -q train -o m.model known.data
    status 0 "$strange" explain --json m.model odd.txt
    grep -q '"ret": "succeeded"' out || { cat out; no 'success has a value'; }
    status 0 "$strange" explain m.model odd.txt
    ! grep -q ' = 0' out || { cat out; no 'a value is made up'; }
    status 0 "$strange" explain m.model known.data
}

case_export() {
    strace_text 100 1 >run.txt
    status 0 "$strange" export -o run.ctf run.txt
    [ ! -s out ] || no "something on standard output"
    "$strange" info --json run.txt >was.json
    "$strange" info --json run.ctf >is.json
    for key in events entries exits failed_exits lost duration_ns threads; do
        [ "$(grep -o "\"$key\": [0-9]*" was.json)" = "$(grep -o "\"$key\": [0-9]*" is.json)" ] || no "$key differs"
    done
    grep -q '"complete": "1"' is.json || no "the trace does not say that it is complete"
    grep -q '"export_command_line": "strange export -o run.ctf run.txt"' is.json || no "no command line"
    # The same data set comes out of both.
    "$strange" -q prepare --cut accept --scope thread -o a.data run.txt
    "$strange" -q prepare --cut accept --scope thread -o b.data run.ctf
    "$strange" info --json a.data | sed 's/"traces": \[[^]]*\]//; s/"path": "[^"]*"//; s/"command": "[^"]*"//; s/"date": "[^"]*"//' >a.json
    "$strange" info --json b.data | sed 's/"traces": \[[^]]*\]//; s/"path": "[^"]*"//; s/"command": "[^"]*"//; s/"date": "[^"]*"//' >b.json
    cmp a.json b.json
    refused 'is not empty' "$strange" export -o run.ctf run.txt
    refused 'cannot make the directory' "$strange" export -o nowhere/x run.txt
    refused 'say where to write it' "$strange" export run.txt
    refused 'nowhere' "$strange" export -o x nowhere
    refused '--to' "$strange" export --to nothing -o x run.txt
    head -c 5000 run.txt >cut.txt
    status 2 "$strange" export -o cut.ctf --format sysdig cut.txt
    absent x cut.ctf
    # A copy that ends early is read up to its last whole packet, and that is said.
    size=$(stat -c %s run.ctf/channel0_none)
    truncate -s $((size - 100)) run.ctf/channel0_none
    status 2 "$strange" info run.ctf # one packet only: nothing whole is left
    grep -q 'nothing was recorded' err
}

case_learning_curve() {
    trained
    status 0 "$strange" train --learning-curve --json --calibrate valid.data -o curve.model train.data
    for key in learning_curve learning_gain enough unknown unseen; do grep -q "\"$key\"" out || no "no $key"; done
    grep -q 'the last doubling of the data made known data' err || no 'the verdict is not said'
    status 0 "$strange" info curve.model
    grep -q '^  learning curve$' out || no 'info does not show it'
}

# Known data that is not all known: what does not calibrate is named, and counted.
case_quarantine() {
    trained
    status 0 "$strange" train --quarantine 0.1 --json --calibrate valid.data odd.data -o clean.model -- train.data
    [ "$(grep -o '"id"' out | wc -l)" = 26 ] || no "$(grep -o '"id"' out | wc -l) sequences are named, not 26 of 260"
    grep -q 'quarantine: sequence [0-9]* of odd.data' err || no 'none of the novel ones is among the most novel'
    grep -q 'quarantine: 26 of 260 sequences' err || no 'how many is not said'
    refused '--quarantine' "$strange" train --quarantine 0.9 -o clean.model train.data
}

# Of a trace without process ids nothing can be told by process, and not only as few sequences.
case_work_no_process_ids() {
    strace_text 20 >t.txt
    for how in '--cut process' '--cut window:10 --scope process' '--cut accept --scope process'; do
        # shellcheck disable=SC2086 # words
        status 0 "$strange" prepare $how -o t.data t.txt
        grep -q 't.txt: has no process ids, so all its threads count as one process: ' err || { cat err; no "$how: not said"; }
    done
    awk '{ printf "p %d/%d [000] 1.%06d: raw_syscalls:sys_enter: NR 39 (0, 0, 0, 0, 0, 0)\n", $1, $1, NR }' t.txt >pid.txt
    status 0 "$strange" prepare --cut process -o t.data pid.txt
    ! grep -q 'process ids' err || { cat err; no 'it has process ids'; }
    status 0 "$strange" prepare --cut thread -o t.data t.txt
    ! grep -q 'process ids' err || { cat err; no 'not by process'; }
}

# A marker that does not occur is named, with those that do.
case_work_mistyped_markers() {
    trace=$STRANGE_TEST_DATA/ctf-web
    in='httpd:enter_event_handler' out='httpd:exit_event_handler'
    for options in "--begin httpd:enter --end $out" "--begin $in --end httpd:exit" "--confirm httpd:proces_request"; do
        # shellcheck disable=SC2086 # several words
        status 0 "$strange" prepare $options -o t.data "$trace"
        ! grep -q 'no sequences' err || no "says it twice: $options"
        grep -q "warning: --[a-z]*: the marker [a-z:_]* does not occur: the trace has .*$in" err || { cat err; no "$options"; }
    done
    grep -q -- '--confirm: the marker httpd:proces_request does not occur' err
    strace_text 5 >t.txt
    status 0 "$strange" prepare --cut request -o t.data t.txt
    grep -q -- '--begin: the marker httpd:enter_event_handler does not occur: the trace has no markers' err
}

# Some editors put a mark in front of a text. Integers with semicolons between them are too few columns for data.txt.
case_work_marked_text() {
    mkdir lists
    strace_text 5 >strace.txt
    printf '1602667846000000001 | 0 | 7 | > | read |  | 1\n1602667846000000000 | 0 | 7 | > | read |  | 1\n' >sysdig.txt # newest first
    echo '3 4 5' >list.txt
    echo 'read write' >names.txt
    echo '2,5;1,2;0,12;2,5;0,71;0,71;0,1' >paper.txt
    for file in strace.txt sysdig.txt list.txt names.txt paper.txt; do
        "$strange" info --json $file | sed 's/"path": "[^"]*"//' >plain
        { printf '\357\273\277'; cat $file; } >marked.txt
        status 0 "$strange" info --json marked.txt
        sed -i 's/"path": "[^"]*"//' out
        cmp out plain
    done
    { printf '\357\273\277'; cat list.txt; } >lists/one
    status 0 "$strange" info --json lists
    grep -q '"format": "intlist", "events": 3,' out || { cat out; no 'a directory of them'; }
    echo '1;2;3' >t.txt
    refused 't.txt: not a trace of a known format' "$strange" prepare -o t.data t.txt
}

# What a rule decides by itself is not passed over where it is asked for otherwise.
case_work_rule_decides() {
    strace_text 5 >t.txt
    for options in '--cut thread --scope system' '--cut thread --scope process' '--cut process --scope thread' '--cut given --scope thread'; do
        # shellcheck disable=SC2086 # several words
        refused "it is always" "$strange" prepare $options -o t.data t.txt
    done
    for cut in thread process given; do
        refused "--context 5: with --cut $cut nothing is before a sequence" "$strange" prepare --cut $cut --context 5 -o t.data t.txt
    done
    refused '--max-len 99: a window has 100 events' "$strange" prepare --cut window:100 --max-len 99 -o t.data t.txt
    absent t.data
    for options in '--cut thread --scope thread --context 0' '--cut process --scope process' '--cut given --scope system' '--cut window:9 --max-len 9' '--scope process'; do
        # shellcheck disable=SC2086 # several words
        status 0 "$strange" prepare $options -o t.data t.txt
    done
}

# Markers are of requests: they are not passed over where something else is cut.
case_work_markers_without_requests() {
    strace_text 5 >t.txt
    echo '3 4 5' >list.txt
    refused 't.txt: has no requests to confirm' "$strange" prepare --confirm c -o t.data t.txt
    refused 'list.txt: has sequences of its own' "$strange" prepare --confirm c -o t.data list.txt
    for options in '--begin a --end b' '--confirm c' '--begin a' '--end b'; do
        for cut in accept thread process window:5 given; do
            # shellcheck disable=SC2086 # several words
            refused "which --cut $cut does not cut" "$strange" prepare --cut $cut $options -o t.data t.txt
        done
    done
    absent t.data
    for cut in request auto; do status 0 "$strange" prepare --cut $cut --begin a --end b --confirm c -o t.data t.txt; done
}

# What is left out, what overlaps and what is too little is said, and only then.
case_work_what_is_left_out() {
    strace_text 200 | sed '0~12d' >t.txt # some connections are not closed, or not accepted
    status 0 "$strange" prepare --cut accept --scope thread -o t.data t.txt
    grep -q 'strange: warning: left out: [0-9]* connections whose descriptor was accepted again' err || { cat err; no 'reopened'; }
    # A server that accepts in one thread and hands each connection to a new one, which closes it.
    strace_text 200 | awk '/accept4/ { sub(/^[0-9]+/, "7") } { print }' >handed.txt
    status 0 "$strange" prepare --cut accept --scope thread -o t.data handed.txt
    grep -q 'accepted again.*; where a new thread serves and closes each, take --cut thread, where' err || { cat err; no 'cut of handed connections'; }
    grep -q 'no sequences: .*; try --cut thread where each connection has a thread of its own' err || { cat err; no 'another cut'; }
    awk '/accept4|close/ || NR % 5 == 0' t.txt >outside.txt
    status 0 "$strange" prepare --cut accept --scope thread -o t.data outside.txt
    grep -q ' events; [3-6][0-9] % of the events are in sequences$' err || { cat err; no 'a part of the events'; }
    status 0 "$strange" prepare --json --cut accept --scope thread -o t.data t.txt
    grep -Eq '^\{"schema": "strange.prepare/1", .*"events_in_sequences": [0-9]+, "events_of_sequences": [0-9]+' out || no 'counts'
    strace_text 200 | sed 's/^101 /100 /' | awk '/accept4/ { fd = fd == 7 ? 17 : 7; old = fd == 7 ? 17 : 7; sub(/= 7/, "= " fd) } /close/ { sub(/close\(7/, "close(" old) } { print }' >loop.txt
    status 0 "$strange" prepare --cut accept --scope thread -o t.data loop.txt
    grep -q 'sequences overlap: an event is in [12]\.[0-9] of them on the average, and what is new makes as many novel; --cut window:100' err || { cat err; no 'overlap'; }
    status 0 "$strange" prepare -o t.data loop.txt
    grep -q 'strange: 1 sequence of 2,[0-9]* events: too few to judge; try --cut window:100' err || { cat err; no 'too few'; }
    strace_text 200 >t.txt
    status 0 "$strange" prepare --cut accept --scope thread -o t.data t.txt
    [ "$(wc -l <err)" = 1 ] && ! grep -q % err || { cat err; no 'nothing is amiss'; }
    status 0 "$strange" prepare --cut window:100 -o t.data t.txt
    [ "$(wc -l <err)" = 1 ] && ! grep -q % err || { cat err; no 'nothing is amiss with windows'; }
}
