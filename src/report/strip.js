'use strict';
// The strips of a report: every event of a sequence in its thread's lane, to be walked with keys or pointer. Without this script the page
// has still pictures and the lists below them. Text from traces goes through textContent alone.
(() => {
  const LANE = 18, TALL = 15, LEVELS = [1, 2.303, 4.605, 6.908], HEIGHT = [4, 7, 10, 13, TALL];
  const FIELDS = ['call', 'size', 'errno', 'pause', 'descriptor'];
  const PARTS = {size: 'its size', errno: 'its errno'}; // of a call's surprisal
  // Columns of an event as the page holds it (html_strip.c).
  const [AT_LANE, AT_TIME, AT_NAME, AT_CALL, AT_PAUSE, AT_STATE, AT_FIELD, AT_ELAPSED, AT_USUAL, AT_EXPECTED] = Array(10).keys();

  const duration = ns => {
    for (const [size, unit] of [[1e9, 's'], [1e6, 'ms'], [1e3, 'µs']]) {
      if (Math.abs(ns) >= size) return (ns / size).toFixed(3) + ' ' + unit;
    }
    return ns + ' ns';
  };
  const element = (tag, parent, attributes = {}, text = '') => {
    const out = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) out.setAttribute(name, value);
    out.textContent = text;
    parent.append(out);
    return out;
  };

  class Strip {
    constructor(figure) {
      const data = JSON.parse(figure.querySelector('script').textContent);
      Object.assign(this, data, {figure, zoom: 1, at: 0, channel: 'all'});
      this.still = figure.querySelector('svg');
      this.blamed = this.events.map((_, i) => i).filter(i => this.level(i) >= 2);
      this.tools();
      this.frame();
      figure.classList.add('live');
      this.draw();
      this.blamed.length > 0 ? this.go(this.worst()) : this.go(0);
      new ResizeObserver(() => this.draw()).observe(this.scroll);
    }

    // Nats of the channel that is looked at; with all of them, of what is to blame; of sizes and errors, where these are.
    surprisal(i) {
      const e = this.events[i], field = FIELDS[e[AT_FIELD]];
      if (PARTS[this.channel] !== undefined) return field === this.channel ? e[AT_CALL] / 10 : 0;
      const all = field === 'pause' ? e[AT_PAUSE] : field === 'descriptor' ? e[AT_STATE] : e[AT_CALL];
      return {all, call: e[AT_CALL], pause: e[AT_PAUSE], descriptor: e[AT_STATE]}[this.channel] / 10;
    }
    level(i) {
      const nats = this.surprisal(i);
      return LEVELS.filter(least => nats >= least).length;
    }
    worst() {
      return this.blamed.reduce((a, b) => this.surprisal(b) > this.surprisal(a) ? b : a);
    }

    tools() {
      const bar = element('div', this.figure, {class: 'tools', role: 'toolbar', 'aria-label': 'Strip of sequence ' + this.id});
      const button = (text, label, action) => {
        element('button', bar, {type: 'button', 'aria-label': label, title: label}, text).addEventListener('click', action);
      };
      button('−', 'Zoom out', () => this.scale(this.zoom / 2));
      button('+', 'Zoom in', () => this.scale(this.zoom * 2));
      button('Whole', 'Show the whole sequence', () => this.scale(1));
      button('‹ Surprising', 'Previous surprising event', () => this.jump(-1));
      button('Surprising ›', 'Next surprising event', () => this.jump(1));
      const has = field => this.events.some(e => FIELDS[e[AT_FIELD]] === field && e[AT_CALL] / 10 >= LEVELS[1]);
      const judged = [['size', 'sizes returned', has('size')], ['errno', 'errors', has('errno')], ['pause', 'pauses', this.events.some(e => e[AT_PAUSE] >= 0)],
        ['descriptor', 'descriptors', this.events.some(e => e[AT_STATE] >= 0)]].filter(([, , there]) => there);
      if (judged.length === 0) return; // the calls are all that there is to choose
      const label = element('label', bar, {}, 'Channel ');
      const select = element('select', label);
      for (const [value, text] of [['all', 'all'], ['call', 'calls and returns'], ...judged]) element('option', select, {value}, text);
      select.addEventListener('change', () => {
        this.channel = select.value;
        this.blamed = this.events.map((_, i) => i).filter(i => this.level(i) >= 2);
        this.draw();
        this.go(this.at);
      });
    }

    frame() {
      const body = element('div', this.figure, {class: 'body'});
      const names = element('div', body, {class: 'names', 'aria-hidden': 'true'});
      for (const name of this.lanes) element('div', names, {title: name}, name);
      this.scroll = element('div', body, {class: 'track', tabindex: '0', role: 'slider', 'aria-valuemin': '1',
        'aria-valuemax': String(this.events.length), 'aria-label': 'Events of sequence ' + this.id +
        ': arrow keys move, up and down change the thread, plus and minus zoom, n and p go to surprising events'});
      this.svg = this.still.cloneNode(false);
      for (const name of ['class', 'role']) this.svg.removeAttribute(name);
      this.svg.setAttribute('aria-hidden', 'true');
      this.scroll.append(this.svg);
      this.said = element('p', this.figure, {class: 'said'});
      this.scroll.addEventListener('keydown', event => this.key(event));
      this.svg.addEventListener('pointermove', event => this.point(event));
      this.svg.addEventListener('click', event => this.point(event));
    }

    rect(attributes) {
      const out = document.createElementNS(this.svg.namespaceURI, 'rect');
      for (const [name, value] of Object.entries(attributes)) out.setAttribute(name, value);
      this.svg.append(out);
      return out;
    }

    draw() {
      const n = this.events.length, width = Math.max(this.scroll.clientWidth, 100) * this.zoom;
      if (this.drawn === width + this.channel) return;
      this.drawn = width + this.channel;
      this.cell = width / n;
      this.svg.replaceChildren();
      const height = LANE * this.lanes.length;
      this.svg.setAttribute('viewBox', `0 0 ${width} ${height}`); // paper shows the whole, however wide
      this.svg.setAttribute('width', width);
      this.svg.style.height = height + 'px'; // beside the names of the lanes there, too
      const levels = this.events.map((_, i) => this.level(i));
      const order = levels.map((_, i) => i).sort((a, b) => levels[a] - levels[b] || a - b); // what surprises lies on top
      for (const i of order) {
        const height = HEIGHT[levels[i]];
        this.rect({class: 's' + levels[i], x: (i * this.cell).toFixed(2), width: Math.max(this.cell * 0.9, 1.5).toFixed(2), height,
          y: LANE * (this.events[i][AT_LANE] + 1) - 1 - height});
      }
      this.mark = this.rect({class: 'mark', width: Math.max(this.cell, 4) + 2, height: TALL + 2});
      this.place();
    }
    place() {
      this.mark.setAttribute('x', this.at * this.cell - 1);
      this.mark.setAttribute('y', LANE * this.events[this.at][AT_LANE] + 1);
    }

    describe(i) {
      const e = this.events[i], field = FIELDS[e[AT_FIELD]], parts = [];
      parts.push(this.names[e[AT_NAME]] + ' at ' + (this.clock ? '+' + duration(e[AT_TIME]) : '#' + e[AT_TIME]) + ', ' + this.lanes[e[AT_LANE]]);
      const nats = [['call', AT_CALL], ['pause', AT_PAUSE], ['descriptor', AT_STATE]].filter(([, k]) => e[k] >= 0);
      parts.push('surprisal ' + nats.map(([name, k]) => name + ' ' + (e[k] / 10).toFixed(1)).join(', ') +
        (PARTS[field] !== undefined && e[AT_CALL] / 10 >= LEVELS[1] ? ' (' + PARTS[field] + ')' : ''));
      if (field === 'pause' && this.surprisal(i) >= LEVELS[0] && e[AT_USUAL] >= 0) {
        parts.push('a pause of ' + duration(e[AT_ELAPSED]) + ', usually ' + duration(e[AT_USUAL]) + ' to ' + duration(2 * e[AT_USUAL]));
      }
      const expected = e.slice(AT_EXPECTED);
      if (expected.length > 0) {
        const words = [];
        for (let k = 0; k < expected.length; k += 2) words.push(this.names[expected[k]] + ' (' + expected[k + 1] + ' %)');
        parts.push('expected ' + words.join(', '));
      }
      return parts.join(' · ');
    }

    go(i) {
      this.at = Math.min(Math.max(i, 0), this.events.length - 1);
      this.place();
      const text = this.describe(this.at), left = this.at * this.cell;
      this.said.textContent = text;
      this.scroll.setAttribute('aria-valuenow', String(this.at + 1));
      this.scroll.setAttribute('aria-valuetext', text);
      if (left < this.scroll.scrollLeft || left + this.cell > this.scroll.scrollLeft + this.scroll.clientWidth) {
        this.scroll.scrollLeft = left - this.scroll.clientWidth / 2;
      }
    }
    scale(zoom) {
      const most = Math.max(4, 2 ** Math.ceil(Math.log2(this.events.length * 24 / Math.max(this.scroll.clientWidth, 100))));
      this.zoom = Math.min(Math.max(zoom, 1), most);
      this.draw();
      this.scroll.scrollLeft = this.at * this.cell - this.scroll.clientWidth / 2;
    }
    jump(step) {
      const next = step > 0 ? this.blamed.find(i => i > this.at) : this.blamed.filter(i => i < this.at).pop();
      if (next !== undefined) this.go(next);
    }
    lane(step) { // the nearest event of the next thread that way
      const lanes = this.lanes.length;
      for (let lane = this.events[this.at][AT_LANE] + step; lane >= 0 && lane < lanes; lane += step) {
        const found = this.nearest(lane, this.at);
        if (found >= 0) return this.go(found);
      }
    }
    nearest(lane, at) {
      let best = -1;
      this.events.forEach((e, i) => {
        if (e[AT_LANE] === lane && (best < 0 || Math.abs(i - at) < Math.abs(best - at))) best = i;
      });
      return best;
    }
    key(event) {
      const page = Math.max(1, Math.round(this.events.length / 10));
      const actions = {
        ArrowRight: () => this.go(this.at + 1), ArrowLeft: () => this.go(this.at - 1), ArrowUp: () => this.lane(-1),
        ArrowDown: () => this.lane(1), PageUp: () => this.go(this.at - page), PageDown: () => this.go(this.at + page),
        Home: () => this.go(0), End: () => this.go(this.events.length - 1), n: () => this.jump(1), p: () => this.jump(-1),
        '+': () => this.scale(this.zoom * 2), '-': () => this.scale(this.zoom / 2), 0: () => this.scale(1),
      };
      if (event.ctrlKey || event.altKey || event.metaKey || !Object.hasOwn(actions, event.key)) return;
      actions[event.key]();
      event.preventDefault();
    }
    point(event) {
      const box = this.svg.getBoundingClientRect();
      const at = (event.clientX - box.left) / this.cell;
      const found = this.nearest(Math.floor((event.clientY - box.top) / LANE), Math.floor(at));
      const away = Math.abs(found + 0.5 - at) * this.cell - this.cell / 2; // pixels
      if (found >= 0 && (event.type === 'click' || away < 12)) this.go(found);
    }
  }

  // A strip is made when it is first looked at.
  for (const figure of document.querySelectorAll('figure.lanes')) {
    const details = figure.closest('details');
    const make = () => {
      if (!figure.classList.contains('live') && (details === null || details.open)) new Strip(figure);
    };
    make();
    details?.addEventListener('toggle', make);
  }
})();
