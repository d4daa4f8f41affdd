#!/usr/bin/env python3
"""tests/browser.py PAGE.html [PICTURES]: opens a report in Chromium and uses it as people do. Exit status 77 where there is no browser.

Wanted: no message on the console, nothing fetched, nothing wider than a window of 320 pixels, every control of a strip reached with the Tab key and working by keys, the pointer says
what it is over, text that stands out from its ground 4.5 : 1 in light and dark, and without scripts the still picture. PICTURES is a folder for
screenshots. How long the page took to load and to paint for the first time is printed; the bound is wide, as tests are not timed. The browser is driven through --remote-debugging-pipe: JSON messages that end in a zero byte."""
import base64
import json
import os
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time

CONTRAST = """(() => {
  const rgb = text => text.match(/[\\d.]+/g).map(Number);
  const light = c => { const f = v => (v /= 255) <= .03928 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4; return .2126 * f(c[0]) + .7152 * f(c[1]) + .0722 * f(c[2]); };
  const ground = e => { for (; e; e = e.parentElement) { const c = rgb(getComputedStyle(e).backgroundColor); if (c.length < 4 || c[3] > 0) return c; } return [255, 255, 255]; };
  const bad = [], walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let t; (t = walk.nextNode());) {
    const e = t.parentElement, s = getComputedStyle(e);
    if (!t.data.trim() || e.tagName === 'SCRIPT' || !e.checkVisibility()) continue;
    const a = light(rgb(e.namespaceURI.endsWith('svg') ? s.fill : s.color)), b = light(ground(e));
    const ratio = (Math.max(a, b) + .05) / (Math.min(a, b) + .05);
    if (ratio < 4.5) bad.push(e.tagName + '.' + (e.className.baseVal ?? e.className) + ' ' + ratio.toFixed(2) + ' "' + t.data.trim().slice(0, 30) + '"');
  }
  return [...new Set(bad)].slice(0, 10);
})()"""


# What is surprising in a strip, from 1 in 10 on, stands out from the figure that it is in.
MARKS = """(() => {
  const light = text => { const f = v => (v /= 255) <= .03928 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4, c = text.match(/[\\d.]+/g).map(Number); return .2126 * f(c[0]) + .7152 * f(c[1]) + .0722 * f(c[2]); };
  const bad = [];
  for (const e of document.querySelectorAll('.chip .s2, .chip .s3, .chip .s4')) {
    const a = light(getComputedStyle(e).fill), b = light(getComputedStyle(e.closest('figure')).backgroundColor), ratio = (Math.max(a, b) + .05) / (Math.min(a, b) + .05);
    if (ratio < 3) bad.push(e.getAttribute('class') + ' ' + ratio.toFixed(2));
  }
  return [...new Set(bad)];
})()"""


class Browser:
    def __init__(self, program, folder):
        ours, theirs = os.pipe(), os.pipe()  # to the browser, from it

        def pipes():  # it reads messages from descriptor 3 and writes them to 4; the copies keep these two from overwriting each other
            source, target = os.dup2(ours[0], 103), os.dup2(theirs[1], 104)
            os.dup2(source, 3)
            os.dup2(target, 4)

        arguments = ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run", "--disable-extensions",
                     "--disable-background-networking", "--disable-component-update", "--remote-debugging-pipe", "--window-size=1200,900",
                     f"--user-data-dir={folder}", "about:blank"]
        self.process = subprocess.Popen([program, *arguments], close_fds=False, preexec_fn=pipes, env={**os.environ, "TMPDIR": folder}, stdin=subprocess.DEVNULL,
                                        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
        os.close(ours[0])
        os.close(theirs[1])
        self.to, self.back, self.rest, self.last, self.session = ours[1], theirs[0], b"", 0, None
        self.events = []
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self.session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in "Page", "Runtime", "Log", "Network":
            self.call(domain + ".enable")

    def message(self, deadline):
        while b"\0" not in self.rest:
            if not select.select([self.back], [], [], max(0, deadline - time.monotonic()))[0]:
                raise SystemExit("browser: no answer")
            piece = os.read(self.back, 1 << 20)
            if not piece:
                raise SystemExit("browser: it ended")
            self.rest += piece
        text, self.rest = self.rest.split(b"\0", 1)
        return json.loads(text)

    def call(self, method, **params):
        self.last += 1
        request = {"id": self.last, "method": method, "params": params}
        if self.session:
            request["sessionId"] = self.session
        data = json.dumps(request).encode() + b"\0"
        while data:
            data = data[os.write(self.to, data):]
        while True:
            answer = self.message(time.monotonic() + 60)
            if answer.get("id") == self.last:
                if "error" in answer:
                    raise SystemExit(f"browser: {method}: {answer['error']}")
                return answer["result"]
            self.events.append(answer)

    def open(self, url):
        self.events.clear()
        self.call("Page.navigate", url=url)
        while not any(e.get("method") == "Page.loadEventFired" for e in self.events):
            self.events.append(self.message(time.monotonic() + 60))

    def value(self, expression):
        result = self.call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in result:
            raise SystemExit(f"browser: {expression}: {result['exceptionDetails']}")
        return result["result"].get("value")

    def press(self, key, code=0, text=""):
        kind = "keyDown" if text else "rawKeyDown"
        self.call("Input.dispatchKeyEvent", type=kind, key=key, windowsVirtualKeyCode=code, text=text)
        self.call("Input.dispatchKeyEvent", type="keyUp", key=key, windowsVirtualKeyCode=code)

    def scheme(self, name):
        self.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": name}])

    def picture(self, path):
        shot = self.call("Page.captureScreenshot", format="png")
        with open(path, "wb") as out:
            out.write(base64.b64decode(shot["data"]))

    def end(self):
        os.killpg(self.process.pid, signal.SIGKILL)  # a session of its own
        self.process.wait()


failures = []


def want(holds, what):
    if not holds:
        failures.append(what)
        print("browser: wanted: " + what)


def quiet(browser, page):
    loud = ("Runtime.consoleAPICalled", "Runtime.exceptionThrown", "Log.entryAdded")
    for event in browser.events:
        method = event.get("method")
        want(method not in loud, f"a quiet console: {json.dumps(event.get('params'))[:300]}")
        if method == "Network.requestWillBeSent":
            url = event["params"]["request"]["url"]
            want(url.split("#")[0] == page or url.startswith("data:"), f"nothing fetched: {url}")


def reached(browser):
    """What the Tab key reaches in the strip that is open, from the top of the page."""
    names = []
    browser.value("document.activeElement.blur(); window.scrollTo(0, 0)")
    for _ in range(120):
        browser.press("Tab", 9)
        name = browser.value("(e => e.closest('figure.live') ? e.getAttribute('role') ?? e.getAttribute('aria-label') ?? e.tagName : '')(document.activeElement)")
        if name:
            names.append(name)
        elif names:
            break
    return names


NOW = "document.activeElement.getAttribute('aria-valuenow')"
TRACK = "document.querySelector('.live .track')"


def keys(browser):
    names = reached(browser)
    has_select = browser.value("document.querySelector('.live select') !== null")
    for name in "Zoom out", "Zoom in", "Show the whole sequence", "Previous surprising event", "Next surprising event", "slider", *(["SELECT"] if has_select else []):
        want(name in names, f"'{name}' reached by the Tab key: {names}")
    browser.value(TRACK + ".focus()")
    browser.press("Home", 36)
    want(browser.value(NOW) == "1", "Home goes to the first event")
    browser.press("ArrowRight", 39)
    want(browser.value(NOW) == "2", "the right arrow goes to the next")
    browser.press("n", 78, "n")
    want(int(browser.value(NOW)) > 2, "n goes to a surprising event")
    want("surprisal" in browser.value("document.activeElement.getAttribute('aria-valuetext')"), "the event is described")
    width = browser.value(TRACK + ".firstChild.getAttribute('width')")
    browser.press("+", 187, "+")
    want(float(browser.value(TRACK + ".firstChild.getAttribute('width')")) > 1.9 * float(width), "plus zooms in")
    browser.press("0", 48, "0")
    want(browser.value(TRACK + ".firstChild.getAttribute('width')") == width, "0 shows the whole again")
    shown = "[...document.querySelectorAll('.live .track rect')].map(r => r.getAttribute('class')).sort().join()"
    if has_select:
        before = browser.value(shown)
        browser.value("document.querySelector('.live select').focus()")
        for _ in range(4):
            browser.press("ArrowDown", 40)
        want(browser.value("document.querySelector('.live select').value") != "all", "arrow keys choose a channel")
        want(browser.value(shown) != before, "another channel is drawn")
        browser.press("Home", 36)


def parts(browser):
    """Of the surprising calls, those whose size or errno surprises can be looked at alone."""
    shown = "document.querySelectorAll('.live .track :is(.s2, .s3, .s4)').length"
    choose = "(s => { s.value = '%s'; s.dispatchEvent(new Event('change')); })(document.querySelector('.live select'))"
    blamed = browser.value("""(d => [['size', 1], ['errno', 2]].filter(([, field]) => d.events.some(e => e[6] === field && e[3] >= 24)).map(([name]) => name))
      (JSON.parse(document.querySelector('figure.live script').textContent))""")
    for part in blamed:
        want(browser.value(f"document.querySelector('.live select option[value={part}]') !== null"), f"a choice of {part}")
        browser.value(choose % "call")
        calls = browser.value(shown)
        browser.value(choose % part)
        want(0 < browser.value(shown) <= calls, f"{part} is a part of the calls: {browser.value(shown)} of {calls}")
        browser.value(TRACK + ".focus()")
        browser.press("Home", 36)
        browser.press("n", 78, "n")
        want(f"(its {part})" in browser.value("document.activeElement.getAttribute('aria-valuetext')"), f"n goes to an event whose {part} surprises")
        browser.value(choose % "all")


def pointer(browser):
    browser.value(TRACK + ".scrollIntoView({block: 'center'})")
    browser.value(TRACK + ".focus()")
    browser.press("Home", 36)
    before = browser.value("document.querySelector('.live .said').textContent")
    x, y = browser.value("(r => [r.left + r.width / 2, r.top + 9])([...document.querySelectorAll('.live .track rect:not(.mark)')].pop().getBoundingClientRect())")
    browser.call("Input.dispatchMouseEvent", type="mouseMoved", x=x, y=y - 6)
    after = browser.value("document.querySelector('.live .said').textContent")
    want(after != before and "surprisal" in after, f"the pointer says what it is over: {after}")


MOST_MS = 10000


def timing(browser):
    """Milliseconds from the navigation to the end of the load event and to the first paint."""
    times = browser.value("""new Promise(done => setTimeout(() => {
      const load = performance.getEntriesByType('navigation')[0].loadEventEnd, paint = performance.getEntriesByName('first-paint')[0]?.startTime;
      done([load, paint ?? null]);
    }, 300))""")
    print("browser: %.0f bytes, loaded after %.0f ms, first paint after %s ms" %
          (os.path.getsize(sys.argv[1]), times[0], "?" if times[1] is None else "%.0f" % times[1]))
    want(0 < times[0] < MOST_MS, f"loaded within {MOST_MS} ms: {times}")
    want(times[1] is None or times[1] < MOST_MS, f"painted within {MOST_MS} ms: {times}")


def links(browser):
    """A number among the lowest and highest leads to its strip and opens what it is in."""
    if not browser.value("document.querySelector('#extremes a') !== null"):
        want(False, "a link to a strip")
        return
    browser.value("document.querySelectorAll('#explanations details').forEach(d => d.open = false)")
    browser.value("(a => { a.closest('details').open = true; a.focus(); })(document.querySelector('#extremes a'))")
    want(browser.value("document.activeElement.closest('#extremes') !== null"), "the link takes the focus")
    browser.press("Enter", 13, "\r")
    browser.value("new Promise(done => setTimeout(done, 100))")
    want(browser.value("document.querySelector(':target')?.closest('details')?.open"), "a link opens the explanation")
    browser.value("document.querySelectorAll('#explanations details').forEach((d, i) => d.open = i == 0)")


def scrollers(browser):
    """What is wider than the page scrolls by keys; the page itself does not scroll sideways."""
    want(browser.value("document.documentElement.scrollWidth <= innerWidth"), "no wider than the window")
    want(not browser.value("[...document.querySelectorAll('.scroll')].filter(e => e.tabIndex < 0).length"), "what scrolls takes the focus")


def calls(browser):
    """A call and what it returned stand on one line of the list of events, where the window has the room."""
    torn = browser.value("""[...document.querySelectorAll('#explanations details[open] .events td.call')].filter(e => e.textContent.length <= 22).filter(e => {
      const text = document.createRange();
      text.selectNodeContents(e);
      return new Set([...text.getClientRects()].map(r => Math.round(r.top))).size > 1;
    }).map(e => e.textContent)""")
    want(not torn, f"calls on one line: {torn[:5]}")


def slices(browser):
    """When the sequences of a behaviour were seen: a tenth of the data without any takes its place, too."""
    want(browser.value("[...document.querySelectorAll('.slices')].every(e => e.innerText.length === e.textContent.length && e.textContent.length === 12)"),
         "ten places for when a behaviour was seen")
    want(browser.value("document.querySelectorAll('.slices').length") > 0, "when a behaviour was seen")


def shifts(browser):
    """Where a stream shifted, its course has a line that can be seen, and its word."""
    want(browser.value("""[...document.querySelectorAll('#timelines figure')].every(f => {
      const line = f.querySelector('.shifted'), said = f.querySelector('figcaption')?.textContent ?? '';
      if (!line) return !said.includes('The stream shifted');
      const p = f.querySelector('svg').getBoundingClientRect(), r = line.getBoundingClientRect(), word = line.nextElementSibling.getBoundingClientRect();
      return said.includes('The stream shifted') && r.height > 50 && [r, word].every(x => x.left >= p.left && x.right <= p.right && x.top >= p.top);
    })"""), "a line in its picture where a stream shifted")


PAPER = 718  # pixels: A4 without its margins


def printed(browser):
    """Paper does not scroll: what is wider than it, or than its own box, would be cut off."""
    browser.call("Emulation.setEmulatedMedia", media="print")
    browser.call("Emulation.setDeviceMetricsOverride", width=PAPER, height=1000, deviceScaleFactor=1, mobile=False)
    browser.value("new Promise(done => setTimeout(done, 100))")
    want(not browser.value("[...document.querySelectorAll('.tools, .said')].some(e => e.checkVisibility())"), "no controls in print")
    want(browser.value(TRACK + ".checkVisibility()"), "the strip in print")
    wide = browser.value(f"""[...document.querySelectorAll('main, main *')].filter(e => e.namespaceURI.endsWith('html') || e.tagName === 'svg')
      .filter(e => e.getBoundingClientRect().right > {PAPER} || (e.scrollWidth > e.clientWidth && getComputedStyle(e).overflowX !== 'visible' && e.clientWidth > 0 && !e.closest('.names')))
      .map(e => e.tagName + '.' + (e.className.baseVal ?? e.className)).slice(0, 5)""")
    want(not wide, f"nothing wider than the paper: {wide}")
    short = browser.value("""[...document.querySelectorAll('#figures tbody .name')].filter(e => /^[a-z]{1,10}$/.test(e.textContent)).filter(e => {
      const text = document.createRange();
      text.selectNodeContents(e);
      return text.getClientRects().length > 1;
    }).map(e => e.textContent)""")
    want(not short, f"names of ten letters on one line of paper: {short}")
    browser.call("Emulation.clearDeviceMetricsOverride")
    browser.call("Emulation.setEmulatedMedia", media="")


def unopened(browser):
    """In print the strips that were opened are lanes, and the others still pictures, their lists open."""
    browser.call("Emulation.setEmulatedMedia", media="print")
    browser.value("new Promise(done => setTimeout(done, 100))")
    lanes, stills, closed = browser.value("""(all => [all.filter(f => f.querySelector('.track')?.checkVisibility()).length,
      all.filter(f => !f.closest('details').open && f.querySelector('.still').getBoundingClientRect().height > 40).length,
      all.filter(f => !f.closest('details').open).length])([...document.querySelectorAll('figure.lanes')])""")
    want(lanes >= 1 and stills == closed, f"lanes in print of what was opened, {lanes}, and {closed} still pictures of the rest: {stills}")
    browser.call("Emulation.setEmulatedMedia", media="")


def narrow(browser):
    """As wide as a telephone, or as a window that is enlarged four times: all that is open fits, or scrolls in its place."""
    browser.call("Emulation.setDeviceMetricsOverride", width=320, height=800, deviceScaleFactor=1, mobile=False)
    browser.value("document.querySelectorAll('details').forEach(d => d.open = true)")
    browser.value("new Promise(done => setTimeout(done, 100))")
    wide = browser.value("document.documentElement.scrollWidth")
    want(wide <= 320, f"no wider than 320 pixels: {wide}")
    browser.call("Emulation.clearDeviceMetricsOverride")


def main():
    page = "file://" + os.path.abspath(sys.argv[1])
    program = next((p for p in map(shutil.which, ["chromium", "chromium-browser", "google-chrome"]) if p), None)
    if program is None:
        print("browser: none is installed (Debian: chromium): skipped")
        return 77
    # In /tmp, as the path of a socket in it must be short.
    with tempfile.TemporaryDirectory(dir="/tmp", prefix="strange-browser-", ignore_cleanup_errors=True) as folder:
        browser = Browser(program, folder)
        try:
            browser.open(page)
            timing(browser)
            unopened(browser)
            want(browser.value("document.querySelectorAll('figure.live').length") >= 1, "a strip is alive")
            scrollers(browser)
            calls(browser)
            keys(browser)
            parts(browser)
            pointer(browser)
            links(browser)
            shifts(browser)
            slices(browser)
            for scheme in "light", "dark":
                browser.scheme(scheme)
                browser.value("document.querySelectorAll('details').forEach(d => d.open = true)")
                browser.value("new Promise(done => setTimeout(done, 50))")
                want(not browser.value(CONTRAST), f"contrast in {scheme}: {browser.value(CONTRAST)}")
                want(not browser.value(MARKS), f"marks in {scheme}: {browser.value(MARKS)}")
                if len(sys.argv) > 2:
                    browser.value("document.querySelectorAll('#explanations details').forEach((d, i) => d.open = i == 0)")
                    browser.value("document.querySelector('#explanations .lanes').scrollIntoView({block: 'center'})")
                    browser.value("new Promise(done => setTimeout(done, 300))")
                    browser.picture(os.path.join(sys.argv[2], scheme + ".png"))
                    for name in "data", "lengths", "delays", "attention", "embedding", "training", "extremes":
                        if browser.value(f"(e => {{ e?.scrollIntoView(); return e !== null; }})(document.getElementById('{name}'))"):
                            browser.value("new Promise(done => setTimeout(done, 100))")
                            browser.picture(os.path.join(sys.argv[2], f"{scheme}-{name}.png"))
            narrow(browser)
            printed(browser)
            quiet(browser, page)
            browser.call("Emulation.setScriptExecutionDisabled", value=True)
            browser.open(page)
            want(browser.value("document.querySelectorAll('figure.live').length") == 0, "no script runs where scripts are off")
            want(browser.value("document.querySelector('details[open] .still').getBoundingClientRect().height") > 40, "then the still picture is there")
            quiet(browser, page)
        finally:
            browser.end()
    print(f"browser: {len(failures)} wishes unfulfilled" if failures else "browser: all as wanted")
    return 1 if failures else 0


sys.exit(main())
