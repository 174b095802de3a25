//! Requests that overlap, drawn for people: one line a client, a bar for each request, the answers beneath.
//!
//! The bars show what came before what, and what overlapped. They are not to scale: a pause of minutes would leave
//! nothing to see of the rest.

use std::fmt::{self, Write};

use owo_colors::OwoColorize;

use super::data::{Overlap, Overlapping};

/// How wide the bars may be in all.
const WIDTH: usize = 64;

/// Draws them.
///
/// # Errors
///
/// Only those of the writer.
pub(super) fn write(out: &mut String, overlap: &Overlap) -> fmt::Result {
    let requests = &overlap.requests;
    let few =
        if overlap.smallest { "no order of these requests" } else { "no order of the requests, these among them," };
    writeln!(out, "  {} {few} explains their answers", "order:  ".red())?;
    for line in lines(requests) {
        writeln!(out, "    {line}")?;
    }
    let start = requests.iter().map(|r| r.sent).min().unwrap_or(0);
    for (number, request) in requests.iter().enumerate() {
        let mark = if request.unexplained { "->".red().to_string() } else { "  ".to_owned() };
        writeln!(out, "  {mark} {:>2}. {}", number + 1, request.request)?;
        let sent = milliseconds(request.sent - start);
        let received = request.received.map_or_else(|| "never".to_owned(), |to| milliseconds(to.saturating_sub(start)));
        writeln!(out, "         {} {}", format!("{sent} to {received} ms:").dimmed(), request.answer)?;
    }
    Ok(())
}

fn milliseconds(microseconds: u64) -> String {
    format!("{}.{}", microseconds / 1000, microseconds % 1000 / 100)
}

/// The bars, a line for each client; a client whose requests overlap by mistake gets several.
fn lines(requests: &[Overlapping]) -> Vec<String> {
    let mut moments: Vec<u64> = requests.iter().flat_map(|r| [Some(r.sent), r.received]).flatten().collect();
    moments.sort_unstable();
    moments.dedup();
    let longest = requests.len().to_string().len();
    // A bar has two ends and its number; where there are too many moments for that, bars run into each other.
    let step = (WIDTH / moments.len().max(1)).clamp(1, 6).max(longest + 1);
    let column = |moment: u64| moments.partition_point(|m| *m < moment) * step;
    let end = moments.len() * step;
    let mut clients: Vec<u32> = requests.iter().map(|r| r.client).collect();
    // What came after the overlapping requests, one at a time, stands last.
    clients.sort_unstable_by_key(|client| client.wrapping_sub(1));
    clients.dedup();
    let name = |client: u32| if client == 0 { "afterwards".to_owned() } else { format!("client {client}") };
    let width = clients.iter().map(|client| name(*client).len()).max().unwrap_or(0);
    let mut lines = Vec::with_capacity(clients.len());
    for client in clients {
        let mut line: Vec<char> = vec![' '; end + 1];
        for (number, request) in requests.iter().enumerate().filter(|(_, r)| r.client == client) {
            let from = column(request.sent);
            let to = request.received.map_or(end, column);
            line[from..=to].fill('─');
            line[from] = '├';
            line[to] = if request.received.is_some() { '┤' } else { '→' };
            let label = (number + 1).to_string();
            let middle = (from + to + 1).saturating_sub(label.len()) / 2;
            for (place, digit) in label.chars().enumerate() {
                if let Some(cell) = line.get_mut(middle.max(from + 1) + place) {
                    *cell = digit;
                }
            }
        }
        let bars: String = line.into_iter().collect();
        lines.push(format!("{:<width$}  {}", name(client), bars.trim_end()));
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(client: u32, sent: u64, received: Option<u64>) -> Overlapping {
        let (request, answer) = ("Do".to_owned(), "done".to_owned());
        Overlapping { client, request, sent, received, answer, unexplained: false }
    }

    #[test]
    fn bars_overlap_in_the_chart_where_the_requests_did() {
        let requests = [
            request(1, 0, Some(20)),
            request(2, 10, Some(30)),
            request(3, 15, None),
            request(0, 350_000_000, Some(350_000_010)),
        ];
        assert_eq!(
            lines(&requests),
            [
                "client 1    ├────────1────────┤",
                "client 2          ├────────2────────┤",
                "client 3                ├──────────────3──────────────→",
                "afterwards                                ├──4──┤",
            ]
        );
    }
}
