//! The chart: CPU time for a request as a multiple of nginx's, a group of bars for each work.
//!
//! Plain SVG with its own colours for light and dark, so that it reads on either page; every bar has its number, so
//! that nothing hangs on colour alone.

use std::fmt::Write as _;

use crate::{
    figures::Figures,
    peer::Peer,
    row::{Row, costs},
};

/// The picture.
pub(crate) fn svg(figures: &Figures) -> String {
    let mut body = String::new();
    let mut top = TOP;
    for row in costs() {
        top = group(&mut body, figures, row, top);
    }
    let (height, bottom) = (top + 34, top - 6);
    let one = LEFT + scale(1.0);
    let legend = legend();
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" width=\"{WIDTH}\" \
         height=\"{height}\" role=\"img\" aria-labelledby=\"title\">\n\
         <title id=\"title\">CPU time for a request, as a multiple of nginx's; shorter is better</title>\n\
         <style>\n{STYLE}</style>\n<rect class=\"page\" width=\"{WIDTH}\" height=\"{height}\" rx=\"8\"/>\n\
         <text class=\"head\" x=\"20\" y=\"32\">CPU time for a request, nginx = 1</text>\n\
         <text class=\"note\" x=\"20\" y=\"52\">shorter is better; the line is nginx</text>\n{legend}{body}\
         <line class=\"one\" x1=\"{one}\" x2=\"{one}\" y1=\"{}\" y2=\"{bottom}\"/>\n\
         <text class=\"note\" x=\"20\" y=\"{}\">{}</text>\n</svg>\n",
        TOP - 8,
        height - 14,
        escaped(&figures.machine),
    )
}

/// The bars of one work; where the next begins.
fn group(body: &mut String, figures: &Figures, row: &Row, top: u32) -> u32 {
    let nginx = figures.median(row.figure, Peer::Nginx);
    let bars: Vec<_> = SHOWN
        .into_iter()
        .filter_map(|peer| Some((peer, figures.median(row.figure, peer)? / nginx?)))
        .collect();
    if bars.is_empty() {
        return top;
    }
    let mut y = top;
    for (peer, times) in &bars {
        let (class, width) = (peer.key(), scale(*times).max(1));
        let x = LEFT + width + 6;
        let cut = if *times > MOST { "▸ " } else { "" };
        writeln!(
            body,
            "<rect class=\"{class}\" x=\"{LEFT}\" y=\"{y}\" width=\"{width}\" height=\"{BAR}\" rx=\"2\"/>\
             <text class=\"value\" x=\"{x}\" y=\"{}\">{cut}{times:.2}</text>",
            y + BAR - 2
        )
        .unwrap();
        y += BAR + 2;
    }
    let middle = top + (y - top) / 2 + 4;
    let title = escaped(row.title);
    writeln!(
        body,
        "<text class=\"work\" x=\"{}\" y=\"{middle}\">{title}</text>",
        LEFT - 12
    )
    .unwrap();
    y + 12
}

fn legend() -> String {
    let mut text = String::new();
    let mut x = 470;
    for peer in SHOWN {
        let (key, title) = (peer.key(), peer.title());
        writeln!(
            text,
            "<rect class=\"{key}\" x=\"{x}\" y=\"23\" width=\"11\" height=\"11\" rx=\"2\"/>\
             <text class=\"note\" x=\"{}\" y=\"33\">{title}</text>",
            x + 16
        )
        .unwrap();
        x += 88;
    }
    text
}

/// Pixels; what is longer than the chart is wide is cut, and says so.
fn scale(times: f64) -> u32 {
    (times.min(MOST) * UNIT) as u32
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;")
}

const SHOWN: [Peer; 5] = [
    Peer::Cutover,
    Peer::Nginx,
    Peer::Haproxy,
    Peer::Relay,
    Peer::Envoy,
];
const WIDTH: u32 = 920;
const LEFT: u32 = 350;
const TOP: u32 = 76;
const BAR: u32 = 13;
const UNIT: f64 = 190.0;
const MOST: f64 = 2.6;
const STYLE: &str = "\
text { font-family: system-ui, -apple-system, 'Segoe UI', sans-serif; font-size: 12px; fill: #1f2328 }
.page { fill: #ffffff }
.head { font-size: 17px; font-weight: 600 }
.note, .value { fill: #59636e }
.value { font-size: 11px; font-variant-numeric: tabular-nums }
.work { text-anchor: end; font-size: 12.5px }
.one { stroke: #59636e; stroke-width: 1; stroke-dasharray: 3 3 }
.cutover { fill: #0969da }
.nginx { fill: #8c959f }
.haproxy { fill: #bf8700 }
.relay { fill: #d0d7de }
.envoy { fill: #a475f9 }
@media (prefers-color-scheme: dark) {
  text { fill: #f0f6fc }
  .page { fill: #0d1117 }
  .note, .value { fill: #9198a1 }
  .one { stroke: #9198a1 }
  .cutover { fill: #4493f8 }
  .nginx { fill: #656c76 }
  .haproxy { fill: #d29922 }
  .relay { fill: #3d444d }
  .envoy { fill: #ab7df8 }
}
";
