//! The few figures of the README.

use std::fs;
use std::path::Path;

use crate::Section;
use crate::table::Table;

const START: &str = "<!-- headline -->\n";
const END: &str = "<!-- end of headline -->\n";

pub fn headline(sections: &[Section], machine: &str) -> String {
    let text = |name| {
        let section = sections.iter().find(|section| section.name == name);
        section.expect("all benchmarks ran").text.as_str()
    };
    let mut out = format!("{machine}\n\n");
    out += "| time in relation to | floor | rustls |\n|---|---|---|\n";
    let columns = ["handshake", "side", "handclasp / floor", "handclasp / rustls"];
    for [handshake, side, floor, rustls] in select(text("handshake"), columns) {
        out += &format!("| {handshake} handshake, {side} | {floor} | {rustls} |\n");
    }
    let columns = ["a chain of three", "contender", "x floor", "x webpki"];
    for [keys, contender, floor, webpki] in select(text("certificates"), columns) {
        if contender == "handclasp" {
            out += &format!("| a chain of three, {keys} | {floor} | {webpki} |\n");
        }
    }
    out += "\n| time in relation to rustls over aws-lc-rs | over aws-lc-rs | over ring |\n|---|---|---|\n";
    let columns = ["handshake", "side", "handclasp, aws-lc-rs", "handclasp, ring"];
    for [handshake, side, aws_lc_rs, ring] in select(text("providers"), columns) {
        out += &format!("| {handshake} handshake, {side} | {aws_lc_rs} | {ring} |\n");
    }
    out += "\n| speed in relation to | bare ring | rustls |\n|---|---|---|\n";
    let columns = ["16 KiB", "contender", "x bare ring", "x rustls"];
    for [what, contender, bare, rustls] in select(text("records"), columns) {
        if contender.starts_with("handclasp") {
            let how = contender.trim_start_matches("handclasp");
            out += &format!("| {what} a record of 16 KiB{how} | {bare} | {rustls} |\n");
        }
    }
    out += "\n| memory of a connection | allocations of its handshake | bytes when idle | after 16 KiB |\n";
    out += "|---|---|---|---|\n";
    let columns = ["side", "contender", "allocations", "idle", "idle after 16 KiB"];
    for [side, contender, allocations, idle, used] in select(text("memory"), columns) {
        out += &format!("| {contender}, {side} | {allocations} | {idle} | {used} |\n");
    }
    out
}

/// The rows of the table with these columns, each with their cells.
fn select<const COLUMNS: usize>(text: &str, columns: [&str; COLUMNS]) -> Vec<[String; COLUMNS]> {
    Table::with_columns(text, &columns).select(columns)
}

/// Replaces what is between the two comments.
pub fn put_into(path: &Path, headline: &str) {
    let old = fs::read_to_string(path).expect("the README is read");
    let (before, rest) = old.split_once(START).expect("the README has a place for the headline");
    let (_, after) = rest.split_once(END).expect("the place for the headline has an end");
    let new = [before, START, headline, END, after].concat();
    fs::write(path, new).expect("the README is written");
}
