import { expect, test } from "vitest";
import { htmlText } from "./html-text.ts";

test.each([
  ["paragraphs and breaks", "<p>Hola,</p><p>¿hay lugar<br>para dos?</p>", "Hola,\n\n¿hay lugar\npara dos?"],
  ["divisions", "<div dir=ltr>Hola<div>Somos 2</div></div>", "Hola\nSomos 2"],
  ["what nobody sees", "<head><title>x</title><style>p>a{}</style></head><script>if (a<b) c()</script>Hola", "Hola"],
  [
    "named and numbered characters",
    "Habitaci&oacute;n doble, ma&ntilde;ana &lt;sí&gt; &#191;s&#xED;? &iquest;&amp;nbsp;",
    "Habitación doble, mañana <sí> ¿sí? ¿&nbsp;",
  ],
  ["a quoted mail", '<div>El 13</div><div class="gmail_quote"><div>El mar escribió:</div><div>¿Qué día?</div></div>', "El 13"],
  ["a quote in quotes", "Sí<blockquote>a<blockquote>b</blockquote>c</blockquote> gracias", "Sí gracias"],
  ["a table", "<table><tr><td>Del 12</td><td>al 15</td></tr><tr><td>2 personas</td></tr></table>", "Del 12 al 15\n\n2 personas"],
  ["a comment", "Hola<!-- <p>no</p> --> Ana", "Hola Ana"],
  ["what isn't a tag", "2 < 3 y 5 > 4 <3", "2 < 3 y 5 > 4 <3"],
  ["an attribute with a sign in it is cut short, not read as words twice", "<a href='x'>Hotel</a>", "Hotel"],
  ["a tag without an end", "Hola <b", "Hola"],
  ["nothing", "", ""],
])("%s", (_name, html, text) => {
  expect(htmlText(html)).toBe(text);
});

const LENGTH = 500_000;
test.each([
  "<b><i>",
  "<div>",
  "<blockquote>",
  "</b></i>",
  "<table><tr><td>",
  "<",
  "<!--",
  "<!-- -->",
  "<a href='",
  "<style>",
  "<script><script>",
  "&amp;",
  "&",
  "<p>a",
  " \n",
  '<div class="gmail_quote">',
  "<div class=gmail_quote></div>",
  "<br/>",
  "<ul><li>",
])("half a million characters of %s cost at most 50 ms of the processor", (part) => {
  const html = part.repeat(Math.ceil(LENGTH / part.length));
  const costs = [1, 2, 3].map(() => {
    const before = process.cpuUsage();
    htmlText(html);
    const { user, system } = process.cpuUsage(before);
    return (user + system) / 1000;
  });
  expect(Math.min(...costs)).toBeLessThan(50);
});
