# What many sequences come to.

# overlapping N BURST: N requests one after the other; then, with a BURST, so many at once, and something that known ones do not do.
overlapping() {
    strace_text "$1" "$1"
    awk -v n="$2" '
        function call(tid, name, args, ret) { t += 0.0001; printf "%d %.6f %s(%s) = %s <0.000010>\n", tid, t, name, args, ret }
        BEGIN {
            t = 1700001000
            for (i = 0; i < n; i++) call(200 + i, "accept4", "3, NULL, NULL, SOCK_CLOEXEC", 7)
            for (i = 0; i < n; i++) call(200 + i, "read", "7, \"GET\", 4096", 3)
            if (n > 0) { call(200, "socket", "AF_INET, SOCK_STREAM, 0", 9); call(200, "execve", "\"/bin/sh\"", "-1 EACCES (Permission denied)") }
            for (i = 0; i < n; i++) { call(200 + i, "write", "7, \"ok\", 2", 2); call(200 + i, "close", "7", 0) }
        }'
}

# Requests that are open at the same time share their events: what happens once is one incident.
case_verdict_overlap() {
    overlapping 600 0 >train.txt
    overlapping 401 0 >valid.txt
    overlapping 100 20 >burst.txt
    overlapping 99 0 >known.txt
    "$strange" -q prepare --cut accept --scope system -o train.data train.txt
    for name in valid burst known; do "$strange" -q prepare --cut accept --scope system --vocab train.data -o $name.data $name.txt; done
    "$strange" -q train --model ngram --calibrate valid.data -o web.model -- train.data
    status 0 "$strange" score web.model burst.data
    grep -q '^novel: 2[0-9] of 120 .*; 2[0-9] above all 401 calibration scores$' out || { cat out; no 'the burst is not novel'; }
    grep -q '^those that overlap counted as one: [1-4][.0-9]* of 101, and [1-4][.0-9]* above all$' out || { cat out; no 'nor one incident'; }
    grep -q '^verdict: nothing novel by the number of sequences, but look at what training had not' out || { cat out; no 'one incident is more than chance'; }
    status 1 "$strange" score --strict web.model burst.data
    status 0 "$strange" explain web.model burst.data
    sed -n 1p out | grep -q '^2[0-9] of 120 sequences are novel, [1-4][.0-9]* if those that overlap count as one, and chance makes' || { cat out; no 'explain counts otherwise'; }
    status 0 "$strange" score web.model known.data
    grep -q 'overlap' out && { cat out; no 'what does not overlap is told of'; }
    # Recordings with the same times, as of clocks that begin with the machine, do not overlap.
    overlapping 0 20 >only.txt
    "$strange" -q prepare --cut accept --scope system --vocab train.data -o only.data only.txt
    "$strange" score web.model only.data only.data >out || true
    grep -q '^those that overlap counted as one: .* of 2, and ' out || { cat out; no 'two recordings are one incident'; }
    return 0
}

# Since when the stream as a whole is another one; a bet is of sixteen sequences.
case_shift() {
    trained
    status 0 "$strange" score web.model test.data
    grep -q '^no shift of the stream (a false one in 10000 sequences, ' out || { cat out; no 'known data shifted'; }
    strace_text 300 4 odd >odd.txt
    "$strange" -q prepare --cut accept --scope thread --vocab train.data -o odd.data odd.txt
    status 1 "$strange" score web.model test.data odd.data
    began=$(sed -n 's/^the stream shifted at sequence \([0-9]*\), noticed at [0-9]* .*/\1/p' out)
    noticed=$(sed -n 's/^the stream shifted at sequence [0-9]*, noticed at \([0-9]*\) .*/\1/p' out)
    [ "$began" -ge 160 ] && [ "$began" -le 220 ] && [ "$noticed" -ge "$began" ] || { cat out; no 'no shift where the data changes'; }
    strace_text $((noticed + 1 - 200)) 4 odd >odd.txt # the end of what is scored ends the last bet
    "$strange" -q prepare --cut accept --scope thread --vocab train.data -o less.data odd.txt
    status 1 "$strange" score web.model test.data less.data
    grep -q "^the stream shifted at sequence $began, noticed at $noticed " out || { cat out; no 'the last bet does not count'; }
    status 1 "$strange" score --json web.model test.data odd.data
    [ "$(grep -c "\"shift_since\": $began," out)" = $((500 - noticed)) ] || no 'lines after the shift do not tell'
    status 0 "$strange" eval web.model --known test.data --novel odd=odd.data
    grep -q '^As a stream: .* 0 in 200 known ones' out || { cat out; no 'no table of the stream'; }
    status 0 "$strange" eval --json --interval 100000 web.model --known test.data --novel odd=odd.data
    for key in shift_interval shift_alarms shift_delay; do grep -q "\"$key\"" out || no "no $key"; done
    refused '--interval' "$strange" score --interval 5 web.model test.data
}

# The page says of a stream what score says, with the same numbers.
case_report_of_a_shift() {
    trained
    strace_text 300 4 odd >odd.txt
    "$strange" -q prepare --cut accept --scope thread --vocab train.data -o many.data odd.txt
    status 1 "$strange" score --interval 5000 web.model test.data many.data
    numbers=$(sed -n 's/^the stream shifted \(at sequence [0-9]*, noticed at [0-9]*\) .*/\1/p' out)
    [ -n "$numbers" ] || { cat out; no 'no shift'; }
    "$strange" -q report --interval 5000 -o page.html --known valid.data --novel late=test.data --novel late=many.data -- web.model
    sed '/class="tiles"/q' page.html | grep -q "<p>As a stream, the sequences shifted $numbers. A false shift comes once in 5,000 sequences" || no 'not in the verdict'
    grep -q "<figcaption>The stream shifted $numbers, after [0-9]* sequences, of which the first began at 20" page.html || no 'not on the course'
    [ "$(grep -c '<figcaption>No shift of the stream' page.html)" = 1 ] || no 'known data shifted'
    status 0 "$strange" eval --json --interval 5000 --known valid.data --novel late=test.data --novel late=many.data -- web.model
    delay=$(sed -n 's/.*"shift_delay": \([0-9]*\)\..*/\1/p' out)
    grep -q "<td>$delay</td><td class=\"l\"><span class=\"tag" page.html || no "the table has another delay than $delay"
    "$strange" -q report -o page.html --known test.data -- web.model
    sed '/class="tiles"/q' page.html | grep -q '<p>As a stream, the sequences did not shift\. ' || no 'that there is none is not told'
    ! grep -q 'class="shifted"' page.html || no 'known data shifted'
}

# Above an explanation stands first what sequences are judged by, with the channel that score names.
case_report_of_what_is_judged() {
    trained
    status 1 "$strange" score --worst 1 web.model odd.data
    why=$(sed -n '2s/.* novel: //p' out)
    novelty=$("$strange" export --to csv --rows sequences -o - web.model odd.data | awk -F, 'NR == 1 { for (i = 1; i <= NF; i++) if ($i == "novelty") column = i }
        NR > 1 && $column > most { most = $column } END { printf "%.3g", most }')
    [ -n "$why" ] || no 'no reason'
    [ -n "$novelty" ] || no 'no novelty'
    "$strange" -q report -o page.html --known test.data --novel odd=odd.data -- web.model
    grep -q "<details open><summary>odd, sequence [0-9]* <span class=\"sub\">· novelty ${novelty}[0-9]* ($why) · perplexity [0-9.]* · p-value [0-9.e-]* · novel</span>" page.html ||
        no "not novelty $novelty ($why)"
    "$strange" -q report --aggregate mean -o page.html --known test.data --novel odd=odd.data -- web.model
    grep -q '<details open><summary>odd, sequence [0-9]* <span class="sub">· perplexity [0-9.]* · p-value' page.html || no 'not the perplexity'
    "$strange" -q report --aggregate rms -o page.html --known test.data --novel odd=odd.data -- web.model
    grep -q '<details open><summary>odd, sequence [0-9]* <span class="sub">· exp(score) [0-9.]* · perplexity [0-9.]* · p-value' page.html || no 'not the score'
}

# Among the lowest and highest of every set, of several inputs too, what is explained has a link.
case_report_links_what_is_explained() {
    trained
    "$strange" -q report --explain 2 -o page.html --known test.data --novel odd=odd.data --novel more=test.data --novel more=odd.data -- web.model
    [ "$(grep -o '<a href="#x[0-9]*"' page.html | sort -u | wc -l)" = 4 ] || { grep -o '<a href="#x[0-9]*"' page.html; no 'not all of them'; }
    [ "$(grep -o 'id="x[0-9]*"' page.html | wc -l)" = 4 ] || no 'nor are they explained'
}

# Where no p-value is as small as alpha, nobody gives a verdict on one sequence.
case_verdict_on_one_not_reachable() {
    trained
    "$strange" export --to csv --rows sequences --alpha 0.0001 -o - web.model odd.data >few.csv
    [ "$(awk -F, 'NR > 1 && $12 == "" && $11 > 0' few.csv | wc -l)" = 60 ] || { head -n 3 few.csv; no 'a verdict in CSV'; }
    "$strange" score --json --alpha 0.0001 web.model odd.data >few.json || true
    [ "$(grep -c '"novel": null' few.json)" = 60 ] || no 'a verdict in JSON'
    status 0 "$strange" export --to ctf --alpha 0.0001 -o few.ctf web.model odd.data
    command -v babeltrace2 >/dev/null || return 0
    babeltrace2 few.ctf | grep -q ' p_value = ' || no 'no p-value'
    ! babeltrace2 few.ctf | grep -q ' verdict = ' || no 'a verdict in CTF'
}

# What one run of calibration cannot tell is said beside a verdict that rests on it.
case_verdict_of_one_run() {
    trained
    status 1 "$strange" score web.model odd.data
    grep -q '^calibrated on one run, so how far known runs differ is not known: if this one is known, calibrate with it, too$' out || { cat out; no 'one run is taken for all'; }
    status 0 "$strange" explain web.model odd.data
    sed '/^$/q' out | grep -q '^calibrated on one run, so how far' || { cat out; no 'explain does not say it'; }
    status 0 "$strange" report -o page.html --known odd.data -- web.model
    grep -q '^<p>One run alone calibrated the model, so how far' page.html || no 'nor does the page'
    status 0 "$strange" score web.model test.data
    ! grep -q '^calibrated on one run' out || { cat out; no 'nothing novel is excused'; }
    status 0 "$strange" report -o page.html --known test.data -- web.model
    ! grep -q '^<p>One run alone' page.html || no 'nothing novel is excused on the page'
    "$strange" -q train -o two.model --calibrate valid.data test.data -- train.data
    status 1 "$strange" score two.model odd.data
    ! grep -q '^calibrated on one run' out || { cat out; no 'two are one'; }
}

# What is printed of the whole is there for programs, too, in a file or on standard output.
case_verdict_as_json() {
    trained
    status 1 "$strange" score web.model odd.data
    n=$(sed -n 's/^novel: \([0-9]*\) of 60 .*/\1/p' out)
    chance=$(sed -n 's/^chance explains at most \([0-9]*\), and .*/\1/p' out)
    [ -n "$n" ] && [ -n "$chance" ] || { cat out; no 'nothing to compare with'; }
    cp out table
    status 1 "$strange" score --verdict whole.json --group 5 web.model odd.data
    grep -v '^groups of 5: ' out | cmp - table || no 'another table'
    [ "$(wc -l <whole.json)" = 1 ] || { cat whole.json; no 'not one line'; }
    for part in '{"schema": "strange.verdict/1", "novel": true, "signs": \["unseen", "above_all"' '"exit_status": 1, "aggregate": "novelty", "alpha": 0.01, "sequences": 60, ' \
        '"calibration_sequences": 200, "calibration_runs": 1, ' "\"beyond_alpha\": {\"n\": $n, \"apart\": [0-9.]*, \"chance\": $chance}" \
        '"lost": {"touched": 0, "novel": 0, "decides": false}, "alone": \[\], "unseen": 20, ' '"groups": {"size": 5, "n": 12, "novel": null, "calibration": 40}' '"shift": {"shifted": '; do
        grep -q "$part" whole.json || { cat whole.json; no "no $part"; }
    done
    "$strange" -q score --verdict whole.json --alpha 0.05 --group 5 web.model odd.data >out || true
    grep -q '"groups": {"size": 5, "n": 12, "novel": [0-9]*, "calibration": 40}' whole.json || { cat whole.json; no 'no groups are judged'; }
    ! grep -q 'per_day\|deciding' whole.json || { cat whole.json; no 'what was not asked for'; }
    status 0 "$strange" score --verdict - web.model test.data
    [ "$(wc -l <out)" = 1 ] && grep -q '^{"schema": "strange.verdict/1", "novel": false, .*"exit_status": 0, .*"sequences": 200, ' out || { cat out; no 'not the verdict alone'; }
    status 1 "$strange" score --json web.model odd.data
    cp out lines
    status 1 "$strange" score --json --per-day 500000 --verdict - web.model odd.data
    [ "$(wc -l <out)" = 61 ] && sed -n '$p' out | grep -q '^{"schema": "strange.verdict/1", .*"per_day": {"false_alarms": 500000.0, "sequences": ' || { tail -n 1 out; no 'not the last line'; }
    status 1 "$strange" score --json --verdict whole.json web.model odd.data
    cmp out lines || no 'other lines'
    ! grep -q '"groups"' whole.json || no 'groups that nobody asked for'
    status 0 "$strange" score --alpha 0.0001 --verdict - web.model test.data
    grep -q '"novel": null, .*"threshold": null, .*"beyond_alpha": null, "above_all": {"n": ' out || { cat out; no 'too few are told as enough'; }
    strace_text 1 >one.txt # its only sequence cannot be held out
    "$strange" -q prepare --cut accept --scope thread -o one.data one.txt
    "$strange" -q train -o bare.model one.data 2>/dev/null
    status 0 "$strange" score --verdict - bare.model test.data
    grep -q '"novel": null, "signs": \[\], "exit_status": 0, .*"calibration_sequences": 0}$' out || { cat out; no 'a model without calibration judges'; }
    refused '--verdict odd.data: is read, too' "$strange" score --verdict odd.data web.model odd.data
    refused 'no-such-folder/whole.json' "$strange" score --verdict no-such-folder/whole.json web.model odd.data
}

# A budget of false alarms a day is a rate of false alarms and an interval, by how often sequences come.
case_verdict_per_day() {
    trained
    "$strange" score --json web.model odd.data | sed 's/.*"begin_ns": \([0-9]*\), "end_ns": \([0-9]*\),.*/\1 \2/' >times
    want=$(awk -v per_day=500000 'NR == 1 { from = $1 } $2 > to { to = $2 } { n++ } END { a_day = n / ((to - from) / 86400e9)
        alpha = per_day / a_day; for (unit = 1; alpha < 100 * unit; unit /= 10); interval = int(a_day / per_day) + 1
        printf "--alpha %.3g, --interval %d", int(alpha / unit) * unit, interval }' times)
    status 1 "$strange" score --per-day 500000 web.model odd.data
    grep -q "^500000 false alarms a day, of 1[0-9][0-9],[0-9]*,[0-9]* sequences a day, as here: $want$" out || { cat out; no "the budget is not $want"; }
    alpha=$(sed -n 's/.*--alpha \([0-9.e-]*\), .*/\1/p' out)
    grep -q "^novel: .* (p <= $alpha, " out || grep -q '^above all ' out || { cat out; no 'it is judged by another rate'; }
    status 1 "$strange" score --per-day 5e5 --json web.model odd.data
    grep -q "as here: $want$" err || { cat err; no 'beside JSON it is not told'; }
    "$strange" -q train -o long.model --calibrate valid.data test.data -- train.data
    status 1 "$strange" score --per-day 1000000 long.model odd.data
    grep -q '^1000000 false alarms a day' out || { cat out; no 'another budget'; }
    interval=$(sed -n 's/.*--interval \([0-9]*\)$/\1/p' out)
    grep -q "(a false one in $interval sequences, " out || { cat out; no 'the stream is judged by another interval'; }
    grep -q "^novel: .* (p <= 0.00[0-9]*, " out || { cat out; no 'single ones are judged by another rate'; }
    status 1 "$strange" score --per-day 1 web.model odd.data
    grep -q 'warning: so few false alarms need [0-9]* calibration sequences, and the model has 200: no single sequence can be called novel; the shift of' err ||
        { cat err; no 'what cannot be told is not said'; }
    status 1 "$strange" score --per-day 0.001 long.model odd.data # what is told can be given
    options=$(sed -n 's/.* as here: \(--alpha [0-9.e-]*\), \(--interval [0-9]*\)$/\1 \2/p' out)
    # shellcheck disable=SC2086 # words
    status 1 "$strange" score $options long.model odd.data
    status 0 "$strange" eval --per-day 1000000 web.model --known valid.data --novel odd=odd.data
    grep -q '^strange: 1000000 false alarms a day, of .* sequences a day, as here: ' err || { cat err; no 'eval does not tell'; }
    status 0 "$strange" explain --per-day 2e5 long.model odd.data
    alpha=$(sed -n 's/^strange: 200000 false alarms a day, .*: --alpha \([0-9.e-]*\), .*/\1/p' err)
    cp out budget
    status 0 "$strange" explain --alpha "$alpha" long.model odd.data
    cmp out budget || no 'explain judges by another rate'
    status 0 "$strange" explain --per-day 2e5 --sequence 0 long.model odd.data
    grep -q '^strange: 200000 false alarms a day' err || { cat err; no 'nor is one sequence judged by it'; }
    status 0 "$strange" export --to csv --rows sequences --per-day 2e5 -o budget.csv long.model odd.data
    "$strange" -q export --to csv --rows sequences --alpha "$alpha" -o - long.model odd.data | cmp - budget.csv || no 'export judges by another rate'
    [ "$alpha" != 0.01 ] && ! "$strange" -q export --to csv --rows sequences -o - long.model odd.data | cmp -s - budget.csv || no 'the rate does not matter'
    status 0 "$strange" report --per-day 1000000 -o page.html --known valid.data --novel odd=odd.data -- web.model
    alpha=$(sed -n 's/^strange: 1000000 false alarms a day, .*: --alpha \([0-9.e-]*\), .*/\1/p' err)
    [ -n "$alpha" ] && grep -q "<dt>Score</dt><dd>novelty, false-alarm rate $alpha</dd>" page.html || no 'the report judges by another rate'
    refused '--per-day and --interval: both say' "$strange" report --interval 1000 --per-day 5 -o page.html --known valid.data -- web.model
    refused '--per-day and --alpha: both say' "$strange" explain --alpha 0.1 --per-day 5 web.model odd.data
    "$strange" prepare -q --cut accept --scope thread --vocab train.data -o two.data valid.txt test.txt
    status 0 "$strange" eval --per-day 1000000 web.model --known two.data --novel odd=odd.data
    grep 'a day, as here' err >budget
    status 0 "$strange" eval --per-trace --per-day 1000000 web.model --known two.data --novel odd=odd.data
    grep 'a day, as here' err | cmp - budget || { cat budget err; no 'how many come a day is not a matter of what is judged'; }
    refused '--per-day and --alpha: both say how many false alarms' "$strange" score --per-day 5 --alpha 0.1 web.model odd.data
    refused '--per-day and --interval: both say' "$strange" eval --interval 1000 --per-day 5 web.model --known valid.data --novel odd=odd.data
    known_lists 400 0 >lists.txt
    "$strange" -q prepare -o lists.data lists.txt
    "$strange" -q train -o lists.model lists.data
    refused 'lists.txt: --per-day: how many sequences a day come is not known' "$strange" score --per-day 5 lists.model lists.txt
    refused '--per-day' "$strange" score --per-day 0 web.model odd.data
}

# losing N SEED EVERY: N requests as perf script prints them; of each EVERY (0: none) two of the middle are lost.
losing() {
    awk -v n="$1" -v seed="$2" -v every="$3" '
        function entry(nr) { t += 0.0001; printf "web 50/%d [000] %.6f: raw_syscalls:sys_enter: NR %d (7, 0, 0, 0, 0, 0)\n", tid, t, nr }
        function leave(nr, ret) { t += 0.00001; printf "web 50/%d [000] %.6f: raw_syscalls:sys_exit: NR %d = %d\n", tid, t, nr, ret }
        function call(nr, ret) { entry(nr); leave(nr, ret) }
        BEGIN {
            srand(seed)
            t = 1000
            for (i = 0; i < n; i++) {
                tid = 100 + i % 2
                call(288, 7)
                call(0, 3)
                if (rand() < 0.5) call(257, rand() < 0.3 ? -2 : 8)
                if (every > 0 && i % every == 0) printf "web 50/%d [000] %.6f: PERF_RECORD_LOST lost 4\n", tid, t + 0.00005
                else { call(5, 0); call(8, 1) }
                call(1, 2)
                call(3, 0)
            }
        }'
}

# What a gap makes strange is told as that, where the verdict rests on it and where it does not.
case_verdict_lost() {
    losing 600 1 0 >train.txt
    losing 400 2 0 >valid.txt
    losing 300 3 7 >lossy.txt
    "$strange" -q prepare --cut accept --scope thread -o train.data train.txt
    "$strange" -q prepare --cut accept --scope thread --vocab train.data -o valid.data valid.txt
    "$strange" -q train --channels content -o web.model --calibrate valid.data -- train.data
    status 1 "$strange" score web.model lossy.txt
    grep -q '^lost events touch 43 of 300 sequences, 43 of which are novel: a gap makes a sequence look stranger or plainer than it is$' out ||
        { cat out; no 'what lost events touch is not told'; }
    grep -q '^without these it would not be novel: record again without loss before you act on it$' out || { cat out; no 'nor that the verdict rests on them'; }
    status 0 "$strange" explain web.model lossy.txt
    sed '/^$/q' out | grep -A 1 '^lost events touch 43 of 300 sequences, 43 of which are novel: ' | grep -q '^without these it would not be novel: ' ||
        { cat out; no 'explain does not tell it'; }
    status 0 "$strange" report -o page.html --known lossy.txt -- web.model
    grep -q '^<p>Lost events touch 43 of 300 sequences, .*; <strong>without these it would not be novel: ' page.html || no 'nor does the page'
    awk '{ print } /sys_exit: NR 0 = / && ++n % 3 == 0 { for (k = 0; k < 2; k++) {
        sub(/sys_e.*/, "sys_enter: NR 101 (0, 0, 0, 0, 0, 0)"); print; sub(/sys_e.*/, "sys_exit: NR 101 = 0"); print } }' lossy.txt >both.txt
    status 1 "$strange" score web.model both.txt
    grep -q '^lost events touch 43 of 300 sequences' out || { cat out; no 'lost events are not told'; }
    ! grep -q '^without these' out || { cat out; no 'the verdict rests on what nothing touches'; }
    status 0 "$strange" score web.model valid.data
    ! grep -q 'lost events touch' out || { cat out; no 'no event is lost'; }
    "$strange" -q prepare --cut accept --scope thread --vocab train.data -o lossy.data lossy.txt
    status 0 "$strange" train -o lossy.model --calibrate lossy.data valid.data -- train.data
    grep -q 'warning: lost events touch 43 of the 700 sequences that calibrate: ' err || { cat err; no 'that gaps calibrate is not told'; }
    status 0 "$strange" train -o web.model --calibrate valid.data -- train.data
    ! grep -q 'lost events' err || { cat err; no 'no event of these is lost'; }
}

# One of a thing, and several.
case_verdict_singular() {
    printf '5\n5 5\n5 6 5\n' >ones.txt
    status 0 "$strange" prepare --max-len 1 -o t.data ones.txt
    grep -q 'warning: 2 sequences are longer than 1 event and cut off there' err || { cat err; no 'two are not told'; }
    printf '5\n' >one.txt
    status 0 "$strange" prepare -o ones.data one.txt
    grep -q ' from 1 event$' err || { cat err; no 'one event is several'; }
    status 0 "$strange" -q train -o one.model ones.data
    status 0 "$strange" -q score one.model one.txt
    grep -q '^1 sequence, 1 event, 0 lost events$' out || { cat out; no 'nor when it is judged'; }
}

# A reason is given where all channels are judged together; one that is judged by itself is the reason.
case_verdict_reason() {
    trained
    status 1 "$strange" score web.model odd.data
    grep -q '^ .*  novel: [a-z]*$' out || { cat out; no 'no reason'; }
    status 1 "$strange" score --aggregate rms web.model odd.data
    grep -q '^ .*  novel$' out || { cat out; no 'nothing is novel'; }
    ! grep -q '^ .*  novel: [a-z]*$' out || { cat out; no 'a reason of what was not judged'; }
}

# known_lists N ODD: N lists, the first ODD of which end otherwise.
known_lists() { awk -v n="$1" -v odd="$2" 'BEGIN { for (i = 0; i < n; i++) print i < odd ? "1 2 4 4" : "1 2 3 4" }'; }

# How far runs of the calibration differ is said where a novel one differs by hardly more.
case_verdict_known_runs_differ() {
    known_lists 400 0 >train.txt
    known_lists 300 0 >first.txt
    known_lists 100 3 >second.txt
    known_lists 200 16 >like.txt
    known_lists 200 60 >unlike.txt
    sed 's/1 2 4 4/9 9 9 9/' like.txt >above.txt # all of them above all of the calibration
    "$strange" -q prepare -o train.data train.txt
    for name in first second; do "$strange" -q prepare --vocab train.data -o $name.data $name.txt; done
    "$strange" -q train --calibrate first.data second.data -o runs.model -- train.data
    status 1 "$strange" score runs.model like.txt
    grep -q '^known runs differ, too: one that is left out of the calibration has up to 3 % novel sequences, this 8 %; if it is known, calibrate with it$' out ||
        { cat out; no 'that known runs differ is not told'; }
    status 0 "$strange" explain runs.model like.txt
    sed '/^$/q' out | grep -q '^known runs differ, too: .* up to 3 % novel sequences, this 8 %;' || { cat out; no 'explain does not tell it'; }
    status 0 "$strange" report -o page.html --known like.txt -- runs.model
    grep -q '^<p>Known runs differ, too: .* up to 3 % novel sequences, this 8 %;' page.html || no 'nor does the page'
    status 1 "$strange" score runs.model like.txt
    grep -q '(p <= 0.01, novelty > 1); ' out || { cat out; no 'most known ones have 1, which is not novel'; }
    for name in unlike above; do
        status 1 "$strange" score runs.model $name.txt
        ! grep -q 'known runs differ' out || { cat out; no "$name differs by more"; }
    done
    status 1 "$strange" score --alpha 0.02 runs.model unlike.txt
    ! grep -q 'known runs differ' out || { cat out; no 'of another alpha it is not known'; }
    status 0 "$strange" score runs.model first.txt
    ! grep -q 'known runs differ' out || { cat out; no 'nothing novel is excused'; }
    ! grep -q 'one run' out || { cat out; no 'several are one'; }
}

# waiting N SLOW: of 200 requests each, four make another call, and SLOW wait.
waiting() {
    awk -v n="$1" -v slow="$2" '
        function call(name, args, ret) { t += 0.0001; printf "%d %.6f %s(%s) = %s <0.000010>\n", 100 + i % 2, t, name, args, ret }
        BEGIN {
            t = 1700000000
            for (i = 0; i < n; i++) {
                call("accept4", "3, NULL, NULL, SOCK_CLOEXEC", 7)
                call(i % 50 == 9 ? "getpid" : "read", "7, \"GET\", 4096", 3)
                t += i % 200 >= 200 - slow ? 0.0004 : 0
                call("write", "7, \"ok\", 2", 2)
                call("close", "7", 0)
            }
        }'
}

# What one channel says alone, and how to see what that is.
case_verdict_alone() {
    waiting 400 1 >train.txt
    for slow in 1 2 3 120; do waiting 200 $((slow == 3 ? 2 : slow)) >$slow.txt; done
    "$strange" -q prepare --cut accept --scope thread -o train.data train.txt
    for name in 1 2 3; do "$strange" -q prepare --cut accept --scope thread --vocab train.data -o $name.data $name.txt; done
    "$strange" -q train --calibrate 1.data 2.data 3.data -o wait.model -- train.data
    status 0 "$strange" score wait.model 120.txt
    grep -A 1 '^by the times between calls alone 120 of 200 would be novel, of a run of the calibration at most 1.0 %$' out >alone ||
        { cat out; no 'what the times say is not told'; }
    grep -qx '  what these have in common: `strange explain --behaviours --aggregate time`' alone || { cat out; no 'nor how to see it'; }
    status 0 "$strange" explain --behaviours --aggregate time wait.model 120.txt
    sed -n 1p out | grep -q '^120 of 200 sequences are novel' || { cat out; no 'they are not shown'; }
    # What is said of a single one is by what was asked, too.
    status 0 "$strange" explain --aggregate time --alpha 0.02 --counterfactual wait.model 120.txt
    grep -q '^  p-value     .*, by surprisal of the times$' out || { cat out; no 'another p-value'; }
    grep -q '^  verdict     novel, at a false-alarm rate of 2.0 %$' out || { cat out; no 'another verdict'; }
    grep -q '^  would be normal without: ' out || { cat out; no 'no counterfactual by the times'; }
    ! grep -q '^  would be normal without: nothing' out || { cat out; no 'a counterfactual by something else'; }
    status 0 "$strange" explain --aggregate time --alpha 0.02 --json wait.model 120.txt
    grep -q '"novel": true, "aggregate": "time"' out || no 'another verdict in JSON'
    status 0 "$strange" explain --aggregate window --counterfactual wait.model 120.txt
    grep -q '^  would be normal (by novelty) without: ' out || { cat out; no 'by what it is asked is not said'; }
    status 1 "$strange" score --strict wait.model 120.txt
    status 0 "$strange" score wait.model 2.txt
    ! grep -q 'alone\|in common' out || { cat out; no 'of a known run, too'; }
}

# Of several models mean and deviation, which are those of the models one by one.
case_eval_of_models() {
    trained
    "$strange" -q train -o two.model --ngram-order 2 --valid valid.data train.data
    "$strange" -q train -o three.model --model stide --valid valid.data train.data
    novel="--known test.data --novel odd=odd.data --valid-known valid.data --valid-novel odd=odd.data"
    for name in web two three; do
        status 0 "$strange" eval --json $novel -- $name.model
        cat out >>one-by-one
    done
    status 0 "$strange" eval --json $novel -- web.model two.model three.model
    sed '$d' out | cmp - one-by-one || no 'not the lines of the models'
    sed -n '$p' out >last
    grep -q '^{"schema": "strange.eval.models/1", ' last || { cat last; no 'no line of all'; }
    sed 's/.*"accuracy": \([0-9.e-]*\), "fpr": [0-9.e-]*, "tpr": [0-9.e-]*, "n_known".*/\1/' one-by-one | awk '
        { x[NR] = $1; sum += $1 } END { mean = sum / NR; for (i = 1; i <= NR; i++) s += (x[i] - mean) ^ 2; printf "%.3f ± %.3f\n", mean, sqrt(s / (NR - 1)) }' >want
    status 0 "$strange" eval $novel -- web.model two.model three.model
    grep -q "^odd  .* $(cat want)  *[0-9.]* ± [0-9.]*$" out || { cat out want; no 'another mean or deviation'; }
    grep -q '^Mean ± sample standard deviation over 3 models\. False alarms: [0-9.]* ± [0-9.]* %\.$' out || { cat out; no 'not of three models'; }
    grep -A 2 '^Threshold of best F1' out | grep -q '^odd  .* ± .* ± ' || { cat out; no "without the paper's rule"; }
    ! grep -q '^Groups' out || { cat out; no 'groups that nobody asked for'; }
    status 0 "$strange" eval --group 10 $novel -- web.model two.model
    grep -A 2 '^Groups of consecutive' out | grep -q '^odd  .* ± ' || { cat out; no 'no groups'; }
    refused "no.model" "$strange" eval $novel -- web.model no.model
}

# A behaviour that has come and gone is not called growing, as it would be by the half that it is in.
case_behaviours_ended() {
    trained
    status 0 "$strange" explain --behaviours web.model test.data odd.data valid.data
    grep -q '^   seen .*; ended \[' out || { cat out; no 'what is over is not told as that'; }
    status 0 "$strange" explain --behaviours web.model test.data valid.data odd.data
    grep -q '^   seen .*; growing \[' out || { cat out; no 'what began is not told as that'; }
    status 0 "$strange" explain --behaviours --json web.model test.data odd.data valid.data
    grep -q '"trend": "ended"' out || { cat out; no 'nor in JSON'; }
}

# A call that is a number stands apart from a share also where it is the one before.
case_behaviours_of_numbers() {
    known_lists 400 0 >lists.txt
    sed 's/1 2 3 4/1 2 3/; 60q' lists.txt >short.txt
    "$strange" -q prepare -o lists.data lists.txt
    "$strange" -q train -o lists.model lists.data 2>/dev/null
    status 0 "$strange" explain --behaviours lists.model short.txt
    grep -q '^   surprising   the end after 3: > 99.9 %$' out || { cat out; no 'figures beside each other'; }
    grep -q '^   fewer        0 × 4 (usually 1)$' out || { cat out; no 'figures beside each other, too'; }
}
