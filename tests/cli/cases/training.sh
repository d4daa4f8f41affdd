# Training by gradients: checkpoints, interruption, resuming.

# lstm ARGUMENTS…: a small LSTM, always the same; never returns, so that `lstm … &` has the program's own process number.
lstm() {
    exec "$strange" -q train --model lstm --hidden 16 --layers 1 --batch-tokens 512 --eval-every 5 --stop-after 0 --threads 1 \
        --schedule plateau --valid valid.data "$@"
}

case_lstm_trains() {
    data_sets
    (lstm --updates 60 -o a.model --log a.log train.data)
    absent a.model.checkpoint
    [ "$(wc -l <a.log)" = 12 ]
    first=$(sed -n '1s/.*"valid_loss": \([0-9.]*\).*/\1/p' a.log)
    last=$(sed -n '$s/.*"valid_loss": \([0-9.]*\).*/\1/p' a.log)
    awk -v a="$first" -v b="$last" 'BEGIN { exit !(b < a - 0.1) }' || no "the loss went from $first to $last"
    status 1 "$strange" score a.model odd.data
    status 0 "$strange" explain a.model odd.data
    "$strange" info --json a.model | grep -q '"updates": 60'
}

# The parameters of two models agree to the bit: all but the metadata, which holds dates and times.
same_parameters() {
    for model in "$1" "$2"; do
        n=$(od -An -tu8 -N8 "$model" | tr -d ' ')
        tail -c +$((n + 9)) "$model" >"$model.tensors"
    done
    cmp "$1.tensors" "$2.tensors"
}

# Goes on from a checkpoint for 50 updates and compares with a run that was never interrupted.
resume_and_compare() {
    "$strange" info a.model.checkpoint >out
    grep -q '^kind  *checkpoint' out
    ! grep -q '^record *$' out || { cat out; no 'a record of nothing'; }
    n=$("$strange" info --json a.model.checkpoint | sed 's/.*"updates": \([0-9]*\).*/\1/')
    (lstm --updates $((n + 50)) --resume -o a.model train.data)
    absent a.model.checkpoint
    (lstm --updates $((n + 50)) -o straight.model train.data)
    same_parameters straight.model a.model
}

case_resume_after_signal() {
    data_sets
    for signal in INT TERM; do
        lstm -o a.model train.data 2>err &
        kill_when $! $signal a.model.checkpoint
        [ "$got" = 2 ] || { cat err; no "exit status $got after $signal"; }
        grep -q -- '--resume' err
        [ "$(wc -l <err)" = 1 ]
        absent a.model a.model.tmp-*
        resume_and_compare
        rm -f a.model* straight.model*
    done
}

case_resume_after_kill() {
    data_sets
    lstm -o a.model train.data &
    kill_when $! KILL a.model.checkpoint
    [ "$got" = 137 ] || no "exit status $got"
    absent a.model
    resume_and_compare
}

# Hours of work are not lost without a word, and what a killed training has left goes with the next one that is done.
case_checkpoint_is_kept() {
    data_sets
    lstm -o a.model train.data &
    kill_when $! KILL a.model.checkpoint
    cp a.model.checkpoint kept
    sleep 0 & # a process that is no more
    gone=$!
    wait $gone
    : >a.model.checkpoint.tmp-$gone-3
    : >a.model.tmp-$gone-0
    : >a.model.checkpoint.tmp-$$-3
    (refused 'go on with the same command and --resume, or remove it to begin anew' lstm --updates 10 -o a.model train.data)
    cmp kept a.model.checkpoint
    n=$("$strange" info --json a.model.checkpoint | sed 's/.*"updates": \([0-9]*\).*/\1/')
    (lstm --updates $((n + 10)) --resume -o a.model train.data)
    absent a.model.checkpoint a.model.checkpoint.tmp-$gone-3 a.model.tmp-$gone-0
    [ -e a.model.checkpoint.tmp-$$-3 ] || no 'a file of a process that lives is removed'
    cp kept b.model.member-1
    (refused 'b.model.member-1: is of a training that was interrupted' lstm --ensemble 2 --updates 10 -o b.model train.data)
    (lstm --updates 10 -o b.model train.data)
    cmp kept b.model.member-1
}

case_resume_refused() {
    data_sets
    refused 'there is no checkpoint' "$strange" train --model lstm --resume -o a.model train.data
    refused 'leave it out' "$strange" train --model ngram --resume -o a.model train.data
    lstm -o a.model train.data 2>/dev/null &
    kill_when $! INT a.model.checkpoint
    [ "$got" = 2 ]
    for change in '--rate 0.01' '--seed 2' '--threads 2' '--batch-tokens 600'; do
        # shellcheck disable=SC2086 # two words
        (refused 'other data, options or number of threads' lstm --resume $change -o a.model train.data)
    done
    (refused 'other data, options or number of threads' lstm --resume -o a.model test.data)
    for change in '--dropout 0.3' '--precision bf16' '--preset paper' '--fields call,phase'; do
        # shellcheck disable=SC2086 # two words
        (refused 'a model with other settings' lstm --resume $change -o a.model train.data)
    done
    sed 's/fstat/fsync/' train.txt >renamed.txt
    "$strange" -q prepare --cut accept --scope thread -o renamed.data renamed.txt
    refused 'other names' "$strange" -q train --model lstm --hidden 16 --layers 1 --resume -o a.model renamed.data
    size=$(wc -c <a.model.checkpoint)
    cp a.model.checkpoint whole
    head -c $((size / 2)) whole >a.model.checkpoint
    (refused 'a.model.checkpoint' lstm --resume -o a.model train.data)
    cp whole a.model.checkpoint
    flip a.model.checkpoint $((size - 100))
    (refused 'a.model.checkpoint' lstm --resume -o a.model train.data)
    LC_ALL=C sed 's/"strange.version":\( *\)"[0-9]*"/"strange.version":\1"9"/' whole >a.model.checkpoint
    ! cmp -s whole a.model.checkpoint || no "the version could not be changed"
    (refused 'version 9' lstm --resume -o a.model train.data)
    : >a.model.checkpoint
    (refused 'a.model.checkpoint' lstm --resume -o a.model train.data)
    refused 'finish it with' "$strange" score whole test.data
    absent a.model
}

# Every kind of net and option learns, is scored, and goes on from its checkpoint to the same bits.
case_attention_nets_train() {
    data_sets
    i=0
    for options in 'transformer' 'transformer --norm none --activation relu --optimizer adamw' 'transformer --norm post --precision bf16' \
        'longformer --window 4,8 --dilation 1,2 --global 2 --optimizer ranger --recompute' 'longformer --preset paper --warm-up 5'; do
        case $options in *paper*) width= ;; *) width='--hidden 16 --ff 24' ;; esac
        # shellcheck disable=SC2086 # lists of options
        train() {
            "$strange" -q train --model $options $width --rate 0.01 --batch-tokens 512 --eval-every 10 --stop-after 0 --threads 1 \
                --schedule constant --valid valid.data "$@" train.data
        }
        train --updates 20 --warm-up 5 -o a.model --log a.log
        first=$(sed -n '1s/.*"valid_loss": \([0-9.]*\).*/\1/p' a.log)
        last=$(sed -n '$s/.*"valid_loss": \([0-9.]*\).*/\1/p' a.log)
        awk -v a="$first" -v b="$last" 'BEGIN { exit !(b < a - 0.1) }' || no "$options: the loss went from $first to $last"
        grep -q '"gradient_norm": [0-9]' a.log
        status 0 "$strange" score --alpha 0.0001 a.model test.data
        "$strange" info a.model | grep -q "^model  *${options%% *}\$"
        i=$((i + 1))
    done
    [ $i = 5 ]
    # What a net cannot be is refused before anything is done, in one line.
    refused '--layers' "$strange" train --model lstm --layers 17 -o a.model train.data
    refused '--hidden' "$strange" train --model transformer --hidden 7 -o a.model train.data
    refused '--hidden' "$strange" train --model lstm --hidden 4104 -o a.model train.data
    refused '--hidden 12: the units of an LSTM' "$strange" train --model lstm --hidden 12 -o a.model train.data
    refused '5 heads do not divide rows of 16 (--hidden)' "$strange" train --model transformer --hidden 16 --heads 5 -o a.model train.data
    status 0 "$strange" train --model lstm --hidden 8 --layers 16 --updates 1 --budget 0 --epochs 0 --threads 1 -o a.model train.data
    [ "$("$strange" help train | tr -s ' \n' '  ' | grep -o '0: no bound' | wc -l)" = 3 ] || no 'help does not say what 0 is'
    strace_text 1 9 >one.txt # its only sequence cannot be held out
    "$strange" -q prepare --cut accept --scope thread -o one.data one.txt
    status 0 "$strange" train -o one.model one.data
    ! grep -q 'held out for' err || { cat err; no 'nothing is held out'; }
    refused '3 values for 2 layers' "$strange" train --model longformer --window 1,2,3 -o a.model train.data
    refused '5 heads do not divide' "$strange" train --model transformer --hidden 16 --heads 5 --valid valid.data -o a.model train.data
}

# What the report of a net has beside that of an n-gram: what it looks at, how it sees the calls, how it learnt.
case_report_of_a_net() {
    small_net
    "$strange" -q report -o page.html --known test.data --novel odd=odd.data --training a.log b.log -- net.model
    for section in data lengths delays attention embedding training extremes explanations; do
        grep -q "<section id=\"$section\"" page.html || no "no section $section"
        grep -q "href=\"#$section\"" page.html || no "no link to $section"
    done
    grep -q 'layer 2, head 2' page.html || no 'no map of the attention'
    grep -q 'What the event most to blame was predicted from' page.html || no 'no event that was looked at'
    grep -q '<code>b.log</code>' page.html || no 'no second log'
    grep -q 'of 200 known sequences, evenly sampled from' page.html || no 'nothing is delayed'
    "$strange" -q train -o web.model --valid valid.data train.data
    "$strange" -q report -o plain.html --known test.data --novel odd=odd.data -- web.model
    ! grep -Eq '<section id="(attention|embedding|training)"' plain.html || no 'an n-gram attends'
    grep -q 'Most to blame' plain.html
    # An n-gram of interleaved threads has no model of times beside it.
    "$strange" -q prepare --cut accept --scope thread --order time -o time.data train.txt
    "$strange" -q train -o time.model time.data
    "$strange" -q report -o time.html --known time.data -- time.model
    grep -q 'does not see elapsed times' time.html || no 'a model of calls alone sees times'
    rm -f page.html
    sed 2q a.log >bad.log
    echo '{"update": 10}' >>bad.log
    refused 'bad.log: line 3: no evaluation of a training' "$strange" report -o page.html --known test.data --training bad.log -- net.model
    refused 'train.data: line 1: ' "$strange" report -o page.html --known test.data --training train.data -- net.model
    : >empty.log
    refused 'empty.log: no line' "$strange" report -o page.html --known test.data --training empty.log -- net.model
    refused 'missing.log' "$strange" report -o page.html --known test.data --training missing.log -- net.model
    # shellcheck disable=SC2046 # a list
    refused 'at most 32' "$strange" report -o page.html --known test.data --training $(yes a.log | head -n 33) -- net.model
    absent page.html
}

# An ensemble goes on with the member that was interrupted, keeps those that are done, and leaves one file.
case_ensemble_trains() {
    data_sets
    train() {
        "$strange" -q train --model lstm --ensemble 3 --hidden 8 --layers 1 --rate 0.02 --batch-tokens 512 --eval-every 5 --stop-after 0 \
            --threads 1 --valid valid.data "$@" train.data
    }
    "$strange" -q train -o web.model --valid valid.data train.data
    train --updates 20 --log a.log -o straight.model
    [ "$(grep -c '"update": 20,' a.log)" = 3 ] || no 'the log is not of all members'
    [ "$(wc -l <a.log)" = 12 ]
    absent straight.model.checkpoint straight.model.member-0 straight.model.member-2
    status 0 "$strange" score --alpha 0.0001 straight.model test.data
    grep -q disagreement out
    status 0 "$strange" explain --aggregate mean straight.model odd.data
    grep -q '^  members  *disagree by [0-9.e-]* nats' out
    grep -q '^>.* ±  *[0-9]*\.[0-9][0-9] ' out || { cat out; no 'no disagreement beside the surprisals'; }
    "$strange" score --json --precision bf16 straight.model odd.data >rounded || true
    "$strange" score --json straight.model odd.data >out || true
    ! cmp -s out rounded || no 'bf16 gives the scores of f32'
    [ "$(grep -c '"disagreement": 0\.[0-9]*' out)" = 60 ]
    refused 'leave it out' "$strange" score --precision bf16 web.model odd.data
    "$strange" explain --json straight.model odd.data | grep -qE '"surprisal": [0-9.e-]+, "excess": [0-9.e-]+.*"disagreement": [0-9.e-]+'
    "$strange" -q report -o page.html --aggregate mean --explain 1 straight.model --known test.data --novel odd=odd.data
    grep -q '<dt>Members</dt><dd>disagree by' page.html
    grep -q '</td><td>±[0-9.]*</td><td' page.html
    "$strange" info straight.model | grep -q '^  members  *3$'
    "$strange" info --json straight.model | grep -q '"seconds"'
    (exec "$strange" -q train --model lstm --ensemble 3 --hidden 8 --layers 1 --rate 0.02 --batch-tokens 512 --eval-every 5 --stop-after 0 \
        --threads 1 --valid valid.data --updates 20 --log a.log -o a.model train.data) &
    kill_when $! KILL a.model.member-0
    for change in '--dropout 0.3' '--rate 0.01' '--threads 2'; do
        # shellcheck disable=SC2086 # two words
        refused 'a.model.member-0: was trained with other options' train --updates 20 --resume $change -o a.model
    done
    train --updates 20 --resume --log a.log -o a.model
    [ "$(grep -c '"update": 20,' a.log)" -ge 3 ] || no 'the log is not of all members'
    absent a.model.member-0 a.model.member-1 a.model.member-2 a.model.checkpoint
    same_parameters straight.model a.model
    refused 'nothing random' "$strange" train --model ngram --ensemble 2 --valid valid.data -o a.model train.data
}

# A student learns from an ensemble, has its vocabulary and symbols, is calibrated, and the table says what became of it.
case_distill() {
    data_sets
    "$strange" -q train --model lstm --ensemble 2 --hidden 16 --layers 2 --rate 0.02 --batch-tokens 512 --updates 60 --eval-every 20 \
        --threads 1 --valid valid.data -o teacher.model train.data
    distill() {
        "$strange" -q distill --hidden 8 --rate 0.02 --batch-tokens 512 --updates 80 --eval-every 20 --threads 1 "$@" teacher.model train.data
    }
    distill --valid valid.data --known test.data --novel odd=odd.data -o student.model --log a.log >out
    absent student.model.checkpoint
    [ "$(wc -l <a.log)" = 4 ]
    for row in kind parameters 'file, bytes' 'scoring, tokens/s' 'known loss, nats/token' 'AUROC odd' 'AUROC, mean'; do
        grep -q "^$row  *[0-9el]" out || { cat out; no "the table is without '$row'"; }
    done
    status 1 "$strange" score student.model odd.data
    status 0 "$strange" score --alpha 0.0001 student.model test.data
    "$strange" info student.model | grep -q '^  hidden  *8$'
    "$strange" info --json student.model | grep -q '"teacher": "teacher.model"'
    # A teacher that counts; without --valid the end of the data is held out.
    "$strange" -q train -o counted.model train.data
    "$strange" -q distill --hidden 8 --rate 0.02 --batch-tokens 512 --updates 240 --soft 1 --temperature 1 --json -o b.model counted.model \
        train.data >out
    grep -q '"schema": "strange.distill/1"' out
    awk '{ while (match($0, /"known_loss": [0-9.]+/)) { x[n++] = substr($0, RSTART + 14, RLENGTH - 14); $0 = substr($0, RSTART + RLENGTH) } }
        END { exit !(n == 2 && x[1] < x[0] + 0.3) }' out || { cat out; no 'the student is far from its teacher'; }
    # Of a teacher that has learnt that end, too, its loss there says nothing.
    "$strange" -q train -o all.model --valid valid.data train.data
    mkdir elsewhere
    status 0 "$strange" distill --student ngram -o c.model all.model train.data
    grep -Eq '^known loss, nats/token +- +[0-9.]+ *$' out || { cat out; no 'a loss of what the teacher has learnt'; }
    [ "$(grep -c 'warning: all.model has learnt data that the loss is measured on' err)" = 1 ] || { cat err; no 'no warning'; }
    cp train.data elsewhere/
    status 0 "$strange" distill --student ngram --json -o c.model all.model elsewhere/train.data
    grep -q '"teacher": {.*"known_loss": null.*"student": {.*"known_loss": [0-9.]*' out || { cat out; no 'not null in JSON'; }
    status 0 "$strange" distill --student ngram -o c.model --valid test.data -- all.model train.data
    grep -Eq '^known loss, nats/token +[0-9.]+ +[0-9.]+ +[+-]' out || { cat out; no 'no loss on other data'; }
    ! grep -q 'has learnt' err || no 'a warning of other data'
}

# An n-gram listens to an LSTM, and has its vocabulary and symbols.
case_distill_to_ngram() {
    data_sets
    "$strange" -q train --model lstm --hidden 16 --layers 1 --rate 0.02 --batch-tokens 512 --updates 60 --eval-every 20 --threads 1 \
        --valid valid.data -o teacher.model train.data
    distill() { "$strange" -q distill --student ngram "$@" --valid valid.data -o student.model teacher.model train.data; }
    distill --ngram-order 3 --soft 0.5 --temperature 1 --known test.data --novel odd=odd.data >out
    grep -q '^kind  *lstm  *ngram' out
    status 1 "$strange" score student.model odd.data
    status 0 "$strange" score --alpha 0.0001 student.model test.data
    "$strange" info student.model | grep -q '^  smoothing  *expected$'
    "$strange" info --json student.model | grep -q '"teacher": "teacher.model"'
    # The same on any number of threads.
    cp student.model one.model
    distill --ngram-order 3 --soft 0.5 --temperature 1 --threads 3 --known test.data --novel odd=valid.data --json >out
    same_parameters one.model student.model
    # The areas are those of eval, which goes by the verdict; of data that are hardly told apart, so that aggregates differ.
    area() { grep -o '"macro_auroc": [0-9.]*' | tail -n 1 | cut -c1-22; }
    "$strange" -q eval --json student.model --known test.data --novel odd=valid.data >eval
    [ "$(area <out)" = "$(area <eval)" ] || no "AUROC $(area <out), but eval says $(area <eval)"
    refused 'out of bounds' distill --ngram-order 9
}

case_distill_refused() {
    data_sets
    "$strange" -q train -o teacher.model --valid valid.data train.data
    refused '-o STUDENT is missing' "$strange" distill teacher.model train.data
    refused 'go together' "$strange" distill -o a.model --known test.data teacher.model train.data
    refused 'out of bounds' "$strange" distill -o a.model --temperature 0 teacher.model train.data
    refused 'absent.data' "$strange" distill -o a.model --known test.data --novel odd=absent.data teacher.model train.data
    refused 'stide' "$strange" distill -o a.model --student stide teacher.model train.data
    refused 'model' "$strange" distill -o a.model train.data train.data
    "$strange" -q prepare --cut accept --scope thread -o other.data odd.txt
    refused 'vocabulary' "$strange" distill -o a.model teacher.model other.data
    absent a.model
}

case_attention_is_shown() {
    data_sets
    "$strange" -q train --model longformer --window 4 --hidden 16 --layers 2 --heads 2 --updates 5 --threads 1 --valid valid.data -o a.model train.data
    status 0 "$strange" explain --attention --events 2 a.model test.data
    [ "$(grep -c '^  layer  [12] head  [12] ' out)" = 4 ] || no 'not every head is shown'
    grep -q 'was predicted from' out || no 'no event is shown'
    status 0 "$strange" explain --attention --json --events 2 a.model test.data
    for key in attention pattern_of most back weight; do grep -q "\"$key\"" out || no "no $key"; done
    "$strange" -q train --calibrate valid.data -o n.model train.data
    refused 'ngram has no attention' "$strange" explain --attention n.model test.data
}
