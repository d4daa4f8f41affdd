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
    status 0 "$strange" explain --sequence 3 --json web.model odd.data
    [ "$(wc -l <out)" = 1 ]
    refused 'there is no sequence 60' "$strange" explain --sequence 60 web.model odd.data
    absent web.model.checkpoint
}

case_eval_and_report() {
    trained
    status 0 "$strange" eval web.model --known test.data --novel odd=odd.data
    grep -q odd out
    status 0 "$strange" eval --json web.model --known test.data --novel odd=odd.data --valid-known valid.data --valid-novel odd=odd.data
    for key in auroc auprc f1 accuracy fpr n_known n_novel macro_auroc; do grep -q "\"$key\"" out || no "no $key"; done
    status 0 "$strange" report -o report.html --known test.data --novel odd=odd.data -- web.model
    grep -qi '<html' report.html
    ! grep -Eq '(src|href)="https?:' report.html || no "the report loads something from the network"
    refused "'odd.data' has no name: write NAME=DATA" "$strange" eval web.model --known test.data --novel odd.data
    refused 'nowhere/' "$strange" report -o nowhere/r.html web.model --known test.data
}

case_info() {
    trained
    status 0 "$strange" info train.txt train.data web.model
    [ "$(grep -c '^kind ' out)" = 3 ]
    grep -Eq '^sequences +400$' out
    grep -Eq '^ +[0-9,]+  accept4$' out
    status 0 "$strange" info --json train.txt train.data web.model
    [ "$(wc -l <out)" = 3 ]
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
    for aggregate in mean median window upper; do
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
    status 0 "$strange" train -o web.model train.data
    grep -q 'the latest 40 of 400 sequences are held out for calibration' err
    "$strange" info --json web.model | grep -q '"calibration_sequences": 40'
    status 0 "$strange" --quiet train -o web.model train.data
    [ ! -s err ] || { cat err; no "--quiet talks"; }
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
}
