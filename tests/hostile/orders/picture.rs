//! The picture in ARCHITECTURE.md, drawn from the table.

use core::fmt::Write;

use handclasp::handshake::Side;

use super::table::{Edge, Message, Wait, When, edges};

/// The picture in ARCHITECTURE.md.
pub fn of_the_table() -> String {
    let mut out = String::new();
    for side in [Side::Client, Side::Server] {
        writeln!(out, "{}", if side == Side::Client { "client" } else { "\nserver" }).unwrap();
        let mut before = None;
        for edge in edges(side) {
            let Some(name) = edge.from.name(side) else { continue };
            if before != Some(edge.from) {
                writeln!(out, "  {name}").unwrap();
                before = Some(edge.from);
            }
            draw(edge, side, &mut out);
        }
    }
    out
}

/// The lines of one row: where it leads, what decides, where it waits, and what is sent.
fn draw(edge: &Edge, side: Side, out: &mut String) {
    let condition = |when: &When| match when {
        When::Always => String::new(),
        when => format!(" [{when}]"),
    };
    let on = match edge.on {
        Message::Start => "(it starts)".into(),
        Message::Request => "(it asks)".into(),
        message => format!("{message:?}"),
    };
    let when = condition(&edge.when);
    for (index, (to_when, to)) in edge.to.iter().enumerate() {
        let on = if index == 0 { &*on } else { "" };
        let arrow = if index == 0 { "-->" } else { "   " };
        let when = if index == 0 { &*when } else { "" };
        let to_when = condition(to_when);
        let to = to.name(side).expect("nothing leads back to the beginning");
        writeln!(out, "    {on:<22} {arrow} {to}{when}{to_when}").unwrap();
    }
    list(out, "decided in", edge.decides.iter().map(|function| function.to_string()));
    for Wait { type_name, questions } in edge.waits {
        let title = format!("{type_name} waits for");
        list(out, &title, questions.iter().map(|question| question.to_string()));
    }
    let sends = edge.sends.iter();
    list(out, "sends", sends.map(|(when, message)| format!("{message:?}{}", condition(when))));
}

/// Words after each other, in lines that are not too long.
fn list(out: &mut String, title: &str, words: impl Iterator<Item = String>) {
    const WIDTH: usize = 64;
    let mut words = words.peekable();
    let mut title = title.to_owned();
    while let Some(mut line) = words.next() {
        while let Some(more) = words.next_if(|more| title.len() + line.len() + more.len() < WIDTH) {
            line = format!("{line}, {more}");
        }
        let comma = if words.peek().is_some() { "," } else { "" };
        writeln!(out, "    {:<26} {title} {line}{comma}", "").unwrap();
        title = " ".repeat(title.len());
    }
}
