# A report in a real browser; skipped where there is none.

# What the browser makes of a page does not depend on the build that wrote it: looked at once, in the plain build.
in_browser() { [ -n "${STRANGE_THIN:-}" ] || python3 "$here/../browser.py" "$1"; }

case_report_in_a_browser() {
    command -v python3 >/dev/null || exit 77
    trained
    "$strange" -q report -o report.html web.model --known test.data --novel odd=odd.data
    in_browser report.html
}

# What is novel in the middle of the data alone: the bar of when it was seen begins with spaces.
case_report_of_a_while_in_a_browser() {
    command -v python3 >/dev/null || exit 77
    trained
    "$strange" -q report -o report.html web.model --known test.data --novel connection=test.data --novel connection=odd.data --novel connection=valid.data
    grep -q 'class="slices" [^>]*>\[  .*  \]<' report.html || no 'there was nothing novel only for a while'
    in_browser report.html
}

# Names without a place to break them, in a window however narrow.
case_report_of_long_names_in_a_browser() {
    command -v python3 >/dev/null || exit 77
    trained
    long=$(printf '%0200d' 0)
    cp odd.data "$long.data"
    "$strange" -q report --title "$long" -o report.html web.model --known test.data --novel "$long=odd.data" --novel "$long.data"
    in_browser report.html
}

# Calls that return other amounts and fail otherwise: their sizes and errnos can be looked at alone.
case_report_of_sizes_in_a_browser() {
    command -v python3 >/dev/null || exit 77
    trained
    strace_text 60 4 | sed 's/ok", 2) = 2 /ok", 90) = 90 /; s/fstat\(.*\) = 0 /fstat\1 = -1 EIO (Input\/output error) /' >other.txt
    "$strange" -q report -o report.html web.model --known test.data --novel other=other.txt
    "$strange" explain --json web.model other.txt >explained
    for field in size errno; do grep -q "\"field\": \"$field\"" explained || no "no $field"; done
    in_browser report.html
}

# Integer lists have calls alone, and no channel to choose.
case_report_of_lists_in_a_browser() {
    command -v python3 >/dev/null || exit 77
    for name in train valid odd; do
        awk -v name=$name 'BEGIN { srand(name == "train"); for (i = 0; i < 300; i++) { for (k = 0; k < 9; k++) printf "%d ", (k * 7) % 5 + (rand() < 0.1); print name == "odd" ? "9 8 9" : "3" } }' >$name.txt
    done
    "$strange" -q prepare -o train.data train.txt
    for name in valid odd; do "$strange" -q prepare --vocab train.data -o $name.data $name.txt; done
    "$strange" -q train --model ngram --valid valid.data -o lists.model train.data
    "$strange" -q report -o report.html lists.model --known valid.data --novel odd=odd.data
    in_browser report.html
}

# A report of everything that there is to show, of a net that attends.
case_report_of_a_net_in_a_browser() {
    command -v python3 >/dev/null || exit 77
    small_net
    "$strange" -q report -o report.html --known test.data --novel odd=odd.data --training a.log b.log -- net.model
    in_browser report.html
}

# Ten thousand sequences: the page stays below 5 MB, and the browser says how long it takes.
case_large_report_in_a_browser() {
    command -v python3 >/dev/null || exit 77
    trained
    strace_text 8000 7 >many.txt
    strace_text 2000 8 odd >more.txt
    "$strange" -q report -o report.html --known many.txt --novel odd=more.txt -- web.model
    [ "$(wc -c <report.html)" -lt 5000000 ] || no 'the page is too large'
    grep -q '400 of [78][0-9]* known sequences' report.html || no 'it does not say how many are drawn'
    grep -q 'class="shifted"' report.html || no 'no shift is drawn'
    in_browser report.html
}
