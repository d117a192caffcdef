// SPDX-License-Identifier: BSD-2-Clause
// The views behind the table: a cell, a machine, two machines. Each has an address: #cell/HOST/COLUMN, #host/HOST, #compare/A/B.
'use strict';

const data = JSON.parse(document.getElementById('data').textContent);
const grid = document.getElementById('grid');
const dialog = document.getElementById('dialog');
const body = document.getElementById('dialog-body');
const BAD = ['CRASH', 'TIMEOUT', 'FAIL', 'XPASS'];
const NOWHERE = '#/';       // no element has this id, so nothing scrolls

// An element with attributes and children; text stays text.
function make(tag, attributes = {}, ...children) {
    const element = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes))
        if (value !== null && value !== false) element.setAttribute(name, value === true ? '' : value);
    element.append(...children.flat().filter((child) => child !== null && child !== undefined));
    return element;
}

const badge = (verdict) => make('span', { class: `badge ${verdict}` }, `${data.symbols[verdict]} ${verdict}`);
const paragraph = (...children) => make('p', {}, ...children);
const heading = (text) => make('h3', {}, text);
const counted = (number, one, many = `${one}s`) => `${number} ${number === 1 ? one : many}`;

// A long name may break behind an underscore, where nothing is torn apart.
const breakable = (text) => text.split(/(?<=_)/).flatMap((part, index) => (index ? [make('wbr'), part] : [part]));

function table(head, rows, kind = '') {
    return make('table', { class: `plain ${kind}`.trim() },
        make('thead', {}, make('tr', {}, head.map((text) => make('th', { scope: 'col' }, breakable(text))))),
        make('tbody', {}, rows.map((row) => make('tr', {}, row.map((value) => make('td', {
            class: typeof value === 'number' ? 'number' : null,
        }, typeof value === 'number' ? value.toLocaleString('en') : typeof value === 'string' ? breakable(value) : value ?? '–'))))));
}

function command(text) {
    const button = make('button', { type: 'button' }, 'Copy');
    button.addEventListener('click', async () => {
        try {
            await navigator.clipboard.writeText(text);
        } catch {
            const area = make('textarea', {}, text);
            button.after(area);
            area.select();
            document.execCommand('copy');
            area.remove();
        }
        button.textContent = 'Copied';
    });
    return make('div', { class: 'command' }, make('pre', {}, text), button);
}

// ---- a report ----

function axes(report) {
    return table(['Axis', 'Chosen', 'Why'], report.axes.map((axis) => {
        const taken = axis.strategies.find((row) => row.name === axis.chosen);
        const others = axis.strategies.filter((row) => row !== taken);
        const words = axis.forced ? 'FORCED' : axis.asked ? 'asked for' : axis.fallback ? 'fallback' : '';
        return [axis.axis, make('span', {}, make('b', {}, axis.chosen ?? 'none'), make('span', { class: 'soft block' }, words)),
            make('div', {}, taken ? paragraph(...breakable(taken.reason)) : null,
                axis.lost ? paragraph(make('span', { class: 'soft' }, 'Lost: '), axis.lost) : null,
                others.map((row) => paragraph(make('span', { class: 'soft' }, `Not ${row.name}: `), ...breakable(row.reason))))];
    }), 'axes');
}

const VERDICT_LINES = { runs: 'RUNS', degraded: 'RUNS, DEGRADED', cannot_run: 'CANNOT RUN', refused: 'REFUSED' };
const verdictLine = (report) =>
    make('p', {}, make('b', {}, VERDICT_LINES[report.outcome]), report.sentence ? `: ${report.sentence}` : '');

function capabilityRows(report) {
    return data.capabilities.filter((row) => row.id in report.states)
        .map((row) => [row.name, report.states[row.id], row.source]);
}

function machine(report) {
    return table(['', ''], Object.entries(report.machine).filter(([, value]) => value !== null && value !== 0)
        .map(([name, value]) => [name.replaceAll('_', ' '), String(value)]));
}

function wholeReport(report) {
    return [verdictLine(report), heading('How each job is done, and why'), axes(report),
        report.selftests.length ? [heading('Self-tests'), table(['', 'Verdict', 'What was seen'],
            report.selftests.map((row) => [row.capability ?? `${row.axis}=${row.strategy}`, row.verdict,
                [counted(row.exits, 'exit'), row.detail].filter(Boolean).join('; ')]))] : null,
        heading('What can be changed'), make('ul', {}, report.advice.map((text) => make('li', {}, text))),
        report.notes.length ? [heading('Notes'), make('ul', {}, report.notes.map((text) => make('li', {}, text)))] : null,
        heading('Capabilities that are there'), table(['Capability', 'State', 'Source'], capabilityRows(report)),
        heading('Machine'), machine(report)].flat();
}

// ---- a cell ----

function log(run, cell) {
    if (!run.log.lines.length) return paragraph(make('span', { class: 'soft' }, 'Nothing was said on the serial console.'));
    const lines = run.log.lines.map((text, index) => {
        const number = run.log.first + index;
        return make('span', { 'data-line': number, class: number === run.log.marked ? 'marked' : null }, text || ' ');
    });
    return [paragraph(make('span', { class: 'soft' }, BAD.includes(cell.verdict) ? 'Around the line that matters; ' : 'The end; '),
        make('a', { href: `${run.directory}/${run.name}.serial.log` }, 'the whole log')), make('pre', { class: 'log', tabindex: 0 }, lines)];
}

function run(one, cell) {
    const counters = Object.entries(one.counters);
    const shared = one.directory !== cell.directory;
    return [heading(`Run “${one.name}”${shared ? ', shared with other tests' : ''}: ${one.ending ?? 'given up'}, ${one.seconds.toFixed(1)} s`),
        paragraph(make('span', { class: 'soft' }, one.version, one.image_sha256 ? `; image ${one.image_sha256.slice(0, 16)}` : '')),
        log(one, cell), one.command ? command(one.command) : null,
        counters.length ? make('details', {}, make('summary', {}, counted(counters.length, 'counter')),
            make('div', {}, table(['Counted', 'All CPUs'], counters))) : null].flat();
}

function reproduce(cell) {
    const words = cell.host && !cell.strategy.includes('=') ? [`ROW=${cell.host}`, `COL=${cell.strategy}`, `GUEST=${cell.guest}`]
        : cell.host ? [`ROW=${cell.host}`] : [];
    const name = cell.test.replace(/^.*::/, '');
    // What runs once has no parameters in brackets behind its name, which make matrix asks for unless a * stands there.
    const test = cell.host || name.includes('[') ? name.replace(/\[.*$/, '') : `'${name}*'`;
    return ['make matrix', ...words, `TEST=${test}`].join(' ');
}

const PARAGRAPH = /docs\/emulators\.md#[\w-]+/g;

function reason(text) {
    const links = [...new Set(text.match(PARAGRAPH) ?? [])];
    return [make('pre', {}, text), links.length ? paragraph('Explained in ', links.map((link, index) =>
        [index ? ', ' : '', make('a', { href: `../../${link}` }, link)]).flat()) : null];
}

function oneTest(cell, open) {
    const inside = make('div');
    const details = make('details', { open }, make('summary', {}, badge(cell.verdict), make('b', {}, breakable(cell.guest || cell.test)),
        make('span', { class: 'soft test' }, breakable(cell.test)), make('span', { class: 'time' }, `${cell.seconds.toFixed(1)} s`)), inside);
    const fill = () => {
        if (inside.childElementCount || !details.open) return;
        inside.append(...[cell.reason ? reason(cell.reason) : null, heading('To see it again'), command(reproduce(cell)),
            cell.runs.map((one) => run(one, cell)),
            cell.files.length ? paragraph(make('span', { class: 'soft' }, 'Files: '), cell.files.map((file, index) =>
                [index ? ', ' : '', make('a', { href: `${cell.directory}/${file}` }, file)]).flat()) : null].flat(2).filter(Boolean));
    };
    details.addEventListener('toggle', fill);
    fill();
    return details;
}

function cellView(host, column) {
    const cells = (data.squares[host]?.[column] ?? []).map((number) => data.cells[number]);
    const strategy = data.strategies[column];
    const own = cells.flatMap((cell) => cell.runs.filter((one) => one.directory === cell.directory)).find((one) => one.report)?.report;
    const report = data.reports[own ?? data.hosts[host]?.report];
    const bad = cells.filter((cell) => BAD.includes(cell.verdict));
    return [paragraph(data.hosts[host]?.about ?? ''),
        paragraph(strategy?.about || data.about_other, strategy?.parameters ? make('code', {}, ` ${strategy.parameters}`) : ''),
        ...cells.map((cell) => oneTest(cell, cell === bad[0] || cells.length === 1)),
        ...(report ? [heading(own ? 'Why this strategy: the report of this cell' : 'Why this strategy: the report of the machine'),
            verdictLine(report), axes(report), paragraph(make('a', { href: `#host/${encodeURIComponent(host)}` }, 'All that the machine reports'))]
            : [paragraph(make('span', { class: 'soft' }, 'No report was printed.'))])];
}

const quoted = (word) => (/^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`);

// A result of before these two were kept has neither.
function reportCommand({ emulator, model, processors, memory, board = 'pc', devices = [] }) {
    return ['make report', `HOST=${quoted(`${emulator}/${model}`)}`, `CPUS=${processors}`, `MEMORY=${memory}`,
        board === 'pc' ? null : `BOARD=${quoted(board)}`, devices.length ? `DEVICES=${quoted(devices.join(' '))}` : null].filter(Boolean).join(' ');
}

function hostView(host) {
    const row = data.hosts[host];
    const report = row && data.reports[row.report];
    return [paragraph(row ? row.about : 'Tests that start no machine of testmatrix/hosts/.'),
        row ? paragraph(make('code', {}, `${row.emulator}/${row.model}`), `, ${counted(row.processors, 'CPU')}, ${row.memory} MiB`,
            row.needs ? `; needs ${row.needs}` : '') : null,
        row && !row.needs ? command(reportCommand(row)) : null,
        ...(report ? wholeReport(report) : [paragraph('Its report was not asked for in this run.')])].filter(Boolean);
}

// ---- two machines ----

const selects = ['first', 'second'].map((id) => document.getElementById(id));

function comparison(names) {
    const [one, other] = names.map((name) => data.reports[data.hosts[name]?.report]);
    if (!one || !other) return [paragraph('One of them has no report in this run.')];
    const choices = one.axes.map((axis, index) => [axis.axis, axis.chosen, other.axes[index]?.chosen])
        .filter(([, mine, theirs]) => mine !== theirs);
    const different = data.capabilities
        .map((row) => [row.name, row.source, one.states[row.id] ?? 'absent', other.states[row.id] ?? 'absent'])
        .filter(([, , mine, theirs]) => mine !== theirs);
    return [table(['', ...names], [['Verdict', ...[one, other].map((report) => verdictLine(report).textContent)], ...choices]),
        different.length ? heading(counted(different.length, 'capability differs', 'capabilities differ')) : null,
        different.length ? table(['Capability', 'Source', ...names], different, 'differences') : paragraph('They have the same capabilities.')].filter(Boolean);
}

function compare(names) {
    selects.forEach((select, index) => { select.value = names[index]; });
    document.getElementById('comparison').replaceChildren(...comparison(names));
}

for (const select of selects) {
    for (const [name, row] of Object.entries(data.hosts)) if (row.report) select.append(make('option', {}, name));
    select.addEventListener('change', () => {
        go(`#compare/${selects.map((one) => encodeURIComponent(one.value)).join('/')}`);
    });
}
if (selects[1].options.length > 1) selects[1].selectedIndex = 1;
if (selects[0].options.length) compare(selects.map((select) => select.value));
else document.querySelector('.compare').hidden = document.getElementById('to-compare').hidden = true;

// ---- addresses ----

function show(title, children) {
    document.getElementById('dialog-title').replaceChildren(...breakable(title));
    body.replaceChildren(...children);
    if (!dialog.open) dialog.showModal();
    body.focus({ preventScroll: true });
    dialog.scrollTop = 0;
}

let shown = null;

function route() {
    if (location.hash === shown) return;
    shown = location.hash;
    const [kind, ...names] = location.hash.slice(1).split('/').map(decodeURIComponent);
    if (kind === 'cell' && data.squares[names[0]]?.[names[1]]) show(`${names[0]} / ${names[1]}`, cellView(names[0], names[1]));
    else if (kind === 'host' && data.squares[names[0]]) show(names[0], hostView(names[0]));
    else if (dialog.open) dialog.close();
    if (kind === 'compare' && names.length === 2) {
        compare(names);
        document.querySelector('.compare').scrollIntoView();
    }
}

dialog.addEventListener('close', () => {
    const left = decodeURIComponent(location.hash.slice(1));
    if (/^(cell|host)\//.test(left)) go(NOWHERE);
    const origin = squares().find((button) => decodeURIComponent(button.dataset.open) === left);
    // The event comes a moment after the dialog is gone: whoever has moved on by then stays there.
    if (origin && [document.body, origin].includes(document.activeElement)) focusSquare(origin);
});
dialog.addEventListener('click', (event) => { if (event.target === dialog) dialog.close(); });
window.addEventListener('hashchange', route);

function go(hash) {
    location.hash = hash;
    route();
}

// ---- the table by keyboard: one stop of the Tab key, arrows inside ----

const squares = () => [...grid.querySelectorAll('tbody button')];

function focusSquare(button) {
    for (const other of squares()) other.tabIndex = other === button ? 0 : -1;
    button.focus();
}

function neighbour(cell, down, right) {
    for (let row = cell.parentElement, column = cell.cellIndex; row;) {
        if (right) column += right;
        else do row = down > 0 ? row.nextElementSibling : row.previousElementSibling; while (row?.hidden);
        const next = row?.cells[column];
        if (!next) return null;
        const button = next.querySelector('button');
        if (button) return button;
    }
    return null;
}

const MOVES = { ArrowDown: [1, 0], ArrowUp: [-1, 0], ArrowRight: [0, 1], ArrowLeft: [0, -1] };

grid.addEventListener('keydown', (event) => {
    const cell = event.target.closest('td, th');
    if (!cell || event.altKey || event.ctrlKey || event.metaKey) return;
    const buttons = [...cell.parentElement.querySelectorAll('button')];
    const next = event.key in MOVES ? neighbour(cell, ...MOVES[event.key])
        : event.key === 'Home' ? buttons[0] : event.key === 'End' ? buttons.at(-1) : undefined;
    if (next === undefined) return;
    event.preventDefault();
    if (next) focusSquare(next);
});
grid.addEventListener('click', (event) => {
    const button = event.target.closest('button[data-open]');
    if (button) go(`#${button.dataset.open}`);
});

// ---- filters ----

const chips = [...document.querySelectorAll('[data-filter]')];
const search = document.getElementById('search');

function filter() {
    const wanted = chips.filter((chip) => chip.getAttribute('aria-pressed') === 'true').map((chip) => chip.dataset.filter);
    const words = search.value.trim().toLowerCase();
    let left = 0;
    for (const row of grid.tBodies[0].rows) {
        const verdicts = row.dataset.verdicts.split(' ');
        row.hidden = (wanted.length && !wanted.some((name) => verdicts.includes(name)))
            || !row.cells[0].textContent.toLowerCase().includes(words);
        left += !row.hidden;
    }
    document.getElementById('nothing').hidden = left > 0;
    const first = squares().find((button) => !button.closest('tr').hidden);
    for (const button of squares()) button.tabIndex = button === first ? 0 : -1;
}

for (const chip of chips) chip.addEventListener('click', () => {
    chip.setAttribute('aria-pressed', String(chip.getAttribute('aria-pressed') !== 'true'));
    filter();
});
search.addEventListener('input', filter);

filter();
route();
