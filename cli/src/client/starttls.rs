//! Asks a server for TLS in the protocol of its application.
//!
//! The answer is read byte by byte up to its end, so that nothing a server sends behind it is taken for
//! more than the beginning of TLS.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use handclasp_explain::words::printable;

use crate::failure::Failure;
use crate::timeout_socket::{TimeoutSocket, is_timeout};

/// How long the exchange may take altogether.
const TIMEOUT: Duration = Duration::from_secs(10);
/// The longest line of a server, in bytes.
const MAX_LINE: usize = 2048;
/// The most lines of a server before TLS begins.
const MAX_LINES: usize = 100;
/// SSLRequest: its length, and the number that it has in place of a version (PostgreSQL, section
/// 54.7).
const SSL_REQUEST: [u8; 8] = [0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f];

/// A protocol whose connections begin without TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum StartTls {
    /// RFC 3207, on port 25 or 587.
    Smtp,
    /// RFC 9051, section 6.2.1, on port 143.
    Imap,
    /// SSLRequest, on port 5432.
    Postgres,
}

/// Asks for TLS. After it, the ClientHello can be sent.
pub fn ask(protocol: StartTls, socket: &TcpStream) -> Result<(), Failure> {
    let mut stream = TimeoutSocket::new(socket.try_clone()?, TIMEOUT);
    exchange(protocol, &mut stream)
}

fn exchange(protocol: StartTls, stream: &mut (impl Read + Write)) -> Result<(), Failure> {
    let mut lines = Lines { stream, protocol, left: MAX_LINES };
    match protocol {
        StartTls::Smtp => smtp(&mut lines),
        StartTls::Imap => imap(&mut lines),
        StartTls::Postgres => postgres(&mut lines),
    }
}

fn smtp<S: Read + Write>(lines: &mut Lines<'_, S>) -> Result<(), Failure> {
    lines.smtp_reply("220")?;
    lines.send(b"EHLO handclasp.invalid\r\n")?;
    let extensions = lines.smtp_reply("250")?;
    if !extensions.iter().any(|line| offers_starttls(line)) {
        return Err(lines.not_offered());
    }
    lines.send(b"STARTTLS\r\n")?;
    lines.smtp_reply("220")?;
    Ok(())
}

/// Whether a line of a reply to EHLO has this extension.
fn offers_starttls(line: &str) -> bool {
    line.get(4..).is_some_and(|extension| is_word(extension, "STARTTLS"))
}

fn imap<S: Read + Write>(lines: &mut Lines<'_, S>) -> Result<(), Failure> {
    let greeting = lines.line()?;
    if !greeting.to_ascii_uppercase().starts_with("* OK") {
        return Err(lines.refused(&greeting));
    }
    lines.send(b"a1 STARTTLS\r\n")?;
    loop {
        let line = lines.line()?;
        // Lines without the tag of the command are news of the server.
        if let Some(answer) = line.strip_prefix("a1 ") {
            return match is_word(answer, "OK") {
                true => Ok(()),
                false => Err(lines.refused(&line)),
            };
        }
    }
}

fn postgres<S: Read + Write>(lines: &mut Lines<'_, S>) -> Result<(), Failure> {
    lines.send(&SSL_REQUEST)?;
    match lines.byte()? {
        b'S' => Ok(()),
        b'N' => Err(lines.not_offered()),
        other => Err(lines.refused(&printable(&[other]))),
    }
}

/// Whether a line begins with this word, in any case.
fn is_word(line: &str, word: &str) -> bool {
    line.split_whitespace().next().is_some_and(|first| first.eq_ignore_ascii_case(word))
}

/// The lines of a server.
struct Lines<'s, S> {
    stream: &'s mut S,
    protocol: StartTls,
    /// How many more may come.
    left: usize,
}

impl<S: Read + Write> Lines<'_, S> {
    fn send(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        let sent = self.stream.write_all(bytes).and_then(|()| self.stream.flush());
        sent.map_err(|error| self.ended(&error))
    }

    fn byte(&mut self) -> Result<u8, Failure> {
        let mut byte = [0];
        let read = self.stream.read_exact(&mut byte);
        read.map_err(|error| self.ended(&error))?;
        Ok(byte[0])
    }

    /// A line without its end, in printable characters.
    fn line(&mut self) -> Result<String, Failure> {
        let mut line = Vec::new();
        self.left = self.left.checked_sub(1).ok_or_else(|| {
            self.failed(&format!("it has sent more than {MAX_LINES} lines before TLS"))
        })?;
        loop {
            match self.byte()? {
                b'\n' => break,
                // The beginning of a record: content types are 20 to 23.
                20..=23 if line.is_empty() => return Err(self.tls_at_once()),
                byte if line.len() < MAX_LINE => line.push(byte),
                _ => {
                    let problem = format!("it has sent a line of more than {MAX_LINE} bytes");
                    return Err(self.failed(&problem));
                }
            }
        }
        Ok(printable(line.trim_ascii_end()))
    }

    /// The lines of a reply of SMTP, which must have this code (RFC 5321, section 4.2.1).
    fn smtp_reply(&mut self, code: &str) -> Result<Vec<String>, Failure> {
        let mut lines = Vec::new();
        loop {
            let line = self.line()?;
            if !line.starts_with(code) {
                return Err(self.refused(&line));
            }
            let is_last = line.as_bytes().get(3) != Some(&b'-');
            lines.push(line);
            if is_last {
                return Ok(lines);
            }
        }
    }

    fn name(&self) -> &'static str {
        match self.protocol {
            StartTls::Smtp => "SMTP",
            StartTls::Imap => "IMAP",
            StartTls::Postgres => "PostgreSQL",
        }
    }

    fn failed(&self, problem: &str) -> Failure {
        let name = self.name();
        Failure::failed(format!("the server was asked for TLS over {name}: {problem}"))
    }

    fn refused(&self, line: &str) -> Failure {
        self.failed(&format!("it answered {line:?}")).hint(
            "is this the port of that protocol, and does its configuration have a certificate?",
        )
    }

    fn not_offered(&self) -> Failure {
        self.failed("it does not offer TLS on this port")
            .hint("turn TLS on in the configuration of the server, or take its port for TLS from the start")
    }

    fn tls_at_once(&self) -> Failure {
        self.failed("it has sent a TLS record in place of a greeting")
            .hint("this port speaks TLS from the start: leave out --starttls")
    }

    /// The transport ended in the middle.
    fn ended(&self, error: &io::Error) -> Failure {
        let hint =
            "a server that waits for TLS from the start does not greet: leave out --starttls";
        if is_timeout(error) {
            let seconds = TIMEOUT.as_secs();
            return self.failed(&format!("it did not answer within {seconds} seconds")).hint(hint);
        }
        match error.kind() {
            io::ErrorKind::UnexpectedEof => {
                self.failed("it has closed the connection before it answered").hint(hint)
            }
            _ => self.failed(&error.to_string()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the server sends, and what it was sent.
    struct Script {
        sends: io::Cursor<Vec<u8>>,
        received: Vec<u8>,
    }

    impl Read for Script {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            self.sends.read(buffer)
        }
    }

    impl Write for Script {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.received.extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn script(sends: &[u8]) -> Script {
        Script { sends: io::Cursor::new(sends.to_vec()), received: Vec::new() }
    }

    #[test]
    fn servers_that_have_tls_are_asked_for_it() {
        let smtp =
            b"220-mail\r\n220 here\r\n250-mail\r\n250-SIZE 1\r\n250 starttls\r\n220 go\r\n\x16";
        let imap = b"* OK ready\r\n* CAPABILITY IMAP4rev2\r\na1 OK begin\r\n\x16";
        for (protocol, sends, asked) in [
            (StartTls::Smtp, &smtp[..], &b"EHLO handclasp.invalid\r\nSTARTTLS\r\n"[..]),
            (StartTls::Imap, &imap[..], b"a1 STARTTLS\r\n"),
            (StartTls::Postgres, b"S\x16", &SSL_REQUEST),
        ] {
            let mut server = script(sends);
            exchange(protocol, &mut server).unwrap();
            assert_eq!(server.received, asked, "{protocol:?}");
            // The first byte of TLS is still to be read.
            assert_eq!(server.sends.position() + 1, sends.len() as u64, "{protocol:?}");
        }
    }

    #[test]
    fn a_server_that_is_silent_or_slow_ends_the_exchange_in_time() {
        for drips in [false, true] {
            let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
            let socket = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
            let server = std::thread::spawn(move || {
                let mut peer = listener.accept().unwrap().0;
                // A byte from time to time does not extend the time.
                while drips && peer.write_all(b"2").is_ok() {
                    std::thread::sleep(Duration::from_millis(20));
                }
                let _ = peer.read(&mut [0]);
            });
            let mut stream = TimeoutSocket::new(socket, Duration::from_millis(200));
            let failure = exchange(StartTls::Smtp, &mut stream).unwrap_err();
            assert!(failure.message.contains("did not answer within"), "{}", failure.message);
            drop(stream);
            server.join().unwrap();
        }
    }

    #[test]
    fn refusals_say_what_the_server_answered() {
        let long = vec![b'x'; MAX_LINE + 1];
        let many = b"220-x\r\n".repeat(MAX_LINES + 1);
        for (protocol, sends, words) in [
            (StartTls::Smtp, &b"554 no\r\n"[..], "554 no"),
            (StartTls::Smtp, b"220 a\r\n250 SIZE\r\n", "does not offer TLS"),
            (StartTls::Smtp, b"220 a\r\n250 STARTTLS\r\n454 later\r\n", "454 later"),
            (StartTls::Smtp, b"\x15\x03\x03", "TLS record"),
            (StartTls::Smtp, b"220", "closed the connection"),
            (StartTls::Smtp, &long, "a line of more than"),
            (StartTls::Smtp, &many, "more than 100 lines"),
            (StartTls::Imap, b"* BYE\r\n", "* BYE"),
            (StartTls::Imap, b"* OK\r\na1 BAD \x1b[31m\r\n", "a1 BAD"),
            (StartTls::Postgres, b"N", "does not offer TLS"),
            (StartTls::Postgres, b"E", "\"E\""),
        ] {
            let failure = exchange(protocol, &mut script(sends)).unwrap_err();
            let message = &failure.message;
            assert!(message.contains(words), "{protocol:?}: {message}");
            assert!(!message.contains('\u{1b}'), "{message:?}");
        }
    }
}
