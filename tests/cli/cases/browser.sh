# A report in a real browser; skipped where there is none.

case_report_in_a_browser() {
    command -v python3 >/dev/null || exit 77
    trained
    "$strange" -q report -o report.html web.model --known test.data --novel odd=odd.data
    python3 "$here/../browser.py" report.html
}
