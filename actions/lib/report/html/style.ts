/** The page's one style sheet: light and dark by the reader's setting, one column on a phone. */
export const STYLE = `
:root {
  color-scheme: light dark;
  --page: #f6f7f9; --card: #ffffff; --text: #1c2330; --faint: #5d6778; --grid: #e2e6ec; --edge: #dfe3ea;
  --baseline: #2563a8; --canary: #c2570c; --limit: #6b4fb3;
  --pass: #17803d; --fail: #c62828; --inconclusive: #9a6700;
  --pass-back: #e3f4e8; --fail-back: #fdeaea; --inconclusive-back: #fdf3d8;
  --shadow: 0 1px 2px rgb(20 30 50 / .06), 0 4px 16px rgb(20 30 50 / .05);
}
@media (prefers-color-scheme: dark) {
  :root {
    --page: #10141b; --card: #181e28; --text: #e7ebf2; --faint: #98a3b5; --grid: #2a3240; --edge: #2a3240;
    --baseline: #6cb0f5; --canary: #f59f4c; --limit: #b49cf0;
    --pass: #5fd38a; --fail: #ff8080; --inconclusive: #e8c05a;
    --pass-back: #14301f; --fail-back: #3a191b; --inconclusive-back: #352b12;
    --shadow: none;
  }
}
* { box-sizing: border-box; }
body { margin: 0; background: var(--page); color: var(--text); font: 16px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; }
main { max-width: 1040px; margin: 0 auto; padding: 32px 20px 64px; }
h1, h2, h3, p { margin: 0; }
h2 { font-size: 1.05rem; font-weight: 650; }
a { color: var(--baseline); }
code { font: .86em/1.4 ui-monospace, SFMono-Regular, Menlo, Consolas, monospace; overflow-wrap: anywhere; }
header { margin-bottom: 24px; }
.title { color: var(--faint); font-size: .9rem; font-weight: 600; }
.verdict { display: flex; flex-wrap: wrap; align-items: baseline; gap: 6px 14px; margin: 10px 0 8px; }
h1 { font-size: clamp(1.25rem, 3.2vw, 1.65rem); line-height: 1.3; font-weight: 650; overflow-wrap: anywhere; flex: 1 1 20ch; }
.pill { display: inline-block; padding: 3px 12px; border-radius: 999px; font-size: .84rem; font-weight: 700; letter-spacing: .03em; white-space: nowrap; }
.pill.PASS { color: var(--pass); background: var(--pass-back); }
.pill.FAIL { color: var(--fail); background: var(--fail-back); }
.pill.INCONCLUSIVE { color: var(--inconclusive); background: var(--inconclusive-back); }
h1 .why { font-weight: 400; }
.where { margin: 0 0 8px; overflow-wrap: anywhere; }
.c-none { color: var(--faint); }
.meta { color: var(--faint); font-size: .88rem; display: flex; flex-wrap: wrap; gap: 2px 16px; }
.cards { display: grid; gap: 14px; grid-template-columns: repeat(auto-fit, minmax(178px, 1fr)); margin-bottom: 14px; }
.card, figure, .panel { background: var(--card); border: 1px solid var(--edge); border-radius: 12px; box-shadow: var(--shadow); }
.card { padding: 16px 18px; display: flex; flex-direction: column; }
.card h2 { color: var(--faint); font-size: .84rem; font-weight: 600; }
.card .mark { font-weight: 700; margin-right: 8px; white-space: nowrap; }
.card .value { font-size: 1.65rem; line-height: 1.25; font-weight: 650; font-variant-numeric: tabular-nums; margin-top: 4px; overflow-wrap: anywhere; }
.card .limit { color: var(--text); font-size: .88rem; }
.card p { color: var(--faint); font-size: .86rem; }
.bar { position: relative; height: 8px; border-radius: 4px; background: var(--grid); margin: 10px 0 8px; }
.bar i { position: absolute; inset: 0 auto 0 0; border-radius: 4px; }
.bar b { position: absolute; top: -4px; bottom: -4px; width: 2px; margin-left: -1px; background: var(--text); }
.PASS i, i.PASS { background: var(--pass); } i.FAIL { background: var(--fail); } i.INCONCLUSIVE { background: var(--inconclusive); }
.c-PASS { color: var(--pass); } .c-FAIL { color: var(--fail); } .c-INCONCLUSIVE { color: var(--inconclusive); }
figure { margin: 0 0 14px; padding: 18px 18px 10px; }
figcaption p { color: var(--faint); font-size: .88rem; margin: 2px 0 10px; max-width: 78ch; }
.plot svg { display: block; width: 100%; height: auto; }
.plot.narrow { display: none; }
.pair { display: grid; grid-template-columns: 1fr 1fr; gap: 0 14px; }
.panel { padding: 18px; margin-bottom: 14px; }
.panel > h2 { margin-bottom: 8px; }
.panel > p { color: var(--faint); font-size: .88rem; }
ul.reasons { list-style: none; margin: 0; padding: 0; display: grid; gap: 8px; }
ul.reasons li { display: flex; flex-wrap: wrap; gap: 2px 10px; overflow-wrap: anywhere; }
ul.reasons li span { flex: 1 1 30ch; }
ul.reasons code { font-weight: 600; }
.s-error code { color: var(--fail); } .s-warning code { color: var(--inconclusive); } .s-info code { color: var(--faint); }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-size: .9rem; font-variant-numeric: tabular-nums; }
th { color: var(--faint); font-weight: 600; font-size: .82rem; }
th, td { text-align: right; padding: 6px 10px; border-bottom: 1px solid var(--grid); white-space: nowrap; }
th:first-child, td:first-child { text-align: left; padding-left: 0; white-space: normal; overflow-wrap: anywhere; min-width: 14ch; }
tr:last-child td { border-bottom: 0; }
dl { display: grid; grid-template-columns: minmax(11ch, max-content) 1fr; gap: 4px 18px; margin: 0; font-size: .9rem; }
dt { color: var(--faint); } dd { margin: 0; overflow-wrap: anywhere; }
footer { color: var(--faint); font-size: .84rem; margin-top: 24px; }
@media (max-width: 640px) {
  main { padding: 20px 12px 40px; }
  .cards { grid-template-columns: 1fr 1fr; gap: 10px; }
  .card:last-child:nth-child(odd) { grid-column: 1 / -1; }
  .card { padding: 12px 14px; } .card .value { font-size: 1.35rem; }
  .plot.full { display: none; } .plot.narrow { display: block; }
  .pair { grid-template-columns: 1fr; }
  figure, .panel { padding: 14px 12px 8px; }
  dl { grid-template-columns: 1fr; gap: 0; } dd { margin-bottom: 8px; }
}
@media print { body { background: none; } .card, figure, .panel { box-shadow: none; break-inside: avoid; } }
`;
