//! The program `tshark`, and what it says: PDML, with one field in a line.

use std::process::{Command, Stdio};

use data_encoding::HEXLOWER_PERMISSIVE;
use handclasp_testing::process::{Folder, available};

use super::fields::{CONTENT_TYPE, Place, Reading, Readings, compared};

pub fn is_here() -> bool {
    available("tshark", "--version", |version| version.contains("TShark"))
}

/// What tshark reads in a capture with this key log, whose servers are at port 443.
pub fn readings(capture: &[u8], key_log: &str) -> Readings {
    let folder = Folder::new();
    let (file, keys) = (folder.file("all.pcap", capture), folder.file("keys.log", key_log));
    let keys = format!("tls.keylog_file:{keys}");
    let wanted = ["-J", "tcp tls", "-T", "pdml", "-Y", "tls"];
    let mut command = Command::new("tshark");
    command.args(["-r", &file, "-o", &keys]).args(wanted).stdin(Stdio::null());
    let output = command.output().unwrap();
    let words = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{words}");
    let (mut readings, mut ports) = (Readings::new(), [0; 2]);
    for line in String::from_utf8(output.stdout).unwrap().lines() {
        let Some(name) = attribute(line, "name") else { continue };
        let shown = || attribute(line, "show").unwrap().parse().unwrap();
        match name {
            "tcp.srcport" => ports[0] = shown(),
            "tcp.dstport" => ports[1] = shown(),
            _ => {}
        }
        let Some(field) = compared(name) else { continue };
        let from_client = ports[1] == 443;
        let place =
            Place { port: if from_client { ports[0] } else { ports[1] }, from_client, field };
        let bytes = match field {
            // Its value is the byte in the header, which is another one if the record is protected.
            CONTENT_TYPE => vec![attribute(line, "show").unwrap().parse().unwrap()],
            _ => {
                let value = attribute(line, "value").unwrap_or_default();
                HEXLOWER_PERMISSIVE.decode(value.as_bytes()).unwrap_or_default()
            }
        };
        let reading = Reading { bytes, name: code_name(line) };
        readings.entry(place).or_default().push(reading);
    }
    readings
}

/// The value of an attribute in a line of XML.
fn attribute<'l>(line: &'l str, name: &str) -> Option<&'l str> {
    let (_, after) = line.split_once(&format!(" {name}=\""))?;
    Some(after.split_once('"')?.0)
}

/// The name in words such as `Cipher Suite: TLS_AES_128_GCM_SHA256 (0x1301)`.
fn code_name(line: &str) -> Option<String> {
    let (_, value) = attribute(line, "showname")?.split_once(": ")?;
    let (name, number) = value.rsplit_once(" (")?;
    let is_number = number.trim_end_matches(')').starts_with(|first: char| first.is_ascii_digit());
    let is_known = !name.starts_with("Unknown") && !name.starts_with("Reserved");
    (is_number && is_known).then(|| name.to_owned())
}
