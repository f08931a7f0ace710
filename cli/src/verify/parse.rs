//! Parses the values of options and batches.

use std::net::IpAddr;
use std::time::Duration;

use handclasp::certificate::{AnchorDates, Profile, Purpose, RevocationMode};
use handclasp::pki_types::{DnsName, ServerName, UnixTime};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::case::Name;
use crate::address::without_brackets_and_zone;

/// A name of the kind that its form suggests, or that its prefix names.
pub fn name(text: &str) -> Result<Name, String> {
    let text = without_brackets_and_zone(text);
    let tagged = tagged_name(text);
    let name = tagged.unwrap_or_else(|| {
        let kind = match text {
            _ if text.parse::<IpAddr>().is_ok() => "ip",
            _ if text.contains('@') => "email",
            _ => "dns",
        };
        name_of_kind(kind, text)
    });
    match name {
        Name::Impossible(_) => {
            Err("it is neither a DNS name, nor an IP address, nor an email address".into())
        }
        name => Ok(name),
    }
}

/// A name with a prefix: `dns:`, `ip:` or `email:`. `None` for another prefix, or without one.
pub fn tagged_name(text: &str) -> Option<Name> {
    let (kind, name) = text.split_once(':')?;
    matches!(kind, "dns" | "ip" | "email").then(|| name_of_kind(kind, name))
}

fn name_of_kind(kind: &str, name: &str) -> Name {
    let parsed = match kind {
        "dns" => DnsName::try_from(name).ok().map(|name| ServerName::DnsName(name.to_owned())),
        "ip" => name.parse::<IpAddr>().ok().map(|address| ServerName::IpAddress(address.into())),
        _ if name.contains('@') => return Name::Email(name.to_owned()),
        _ => None,
    };
    parsed.map_or_else(|| Name::Impossible(name.to_owned()), Name::Server)
}

/// A time of RFC 3339, not before 1970.
pub fn time(text: &str) -> Result<UnixTime, String> {
    let time = OffsetDateTime::parse(text, &Rfc3339).map_err(|error| {
        format!("it is no time of RFC 3339 ({error}), as 2026-07-30T12:00:00Z is")
    })?;
    let seconds = u64::try_from(time.unix_timestamp());
    let seconds = seconds.map_err(|_| "times before 1970 are not supported")?;
    Ok(UnixTime::since_unix_epoch(Duration::from_secs(seconds)))
}

/// The purpose of a certificate.
pub fn purpose(text: &str) -> Result<Purpose, String> {
    match text {
        "server" => Ok(Purpose::Server),
        "client" => Ok(Purpose::Client),
        "any" => Ok(Purpose::Any),
        _ => Err("it must be server, client or any".into()),
    }
}

/// How strict to be.
pub fn profile(text: &str) -> Result<Profile, String> {
    match text {
        "default" => Ok(Profile::Default),
        "strict" => Ok(Profile::Strict),
        _ => Err("it must be default or strict".into()),
    }
}

/// Whether the dates of trust anchors count.
pub fn anchor_dates(text: &str) -> Result<AnchorDates, String> {
    match text {
        "ignored" => Ok(AnchorDates::Ignored),
        "checked" => Ok(AnchorDates::Checked),
        _ => Err("it must be ignored or checked".into()),
    }
}

/// How much must be known about revocation.
pub fn revocation(text: &str) -> Result<RevocationMode, String> {
    match text {
        "require" => Ok(RevocationMode::Require),
        "if-present" => Ok(RevocationMode::IfPresent),
        "off" => Ok(RevocationMode::Off),
        _ => Err("it must be require, if-present or off".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_what_they_look_like() {
        assert!(matches!(name("a.example"), Ok(Name::Server(ServerName::DnsName(_)))));
        assert!(matches!(name("192.0.2.1"), Ok(Name::Server(ServerName::IpAddress(_)))));
        for text in ["::1", "[::1]", "fe80::1%eth0", "[fe80::1%2]"] {
            assert!(matches!(name(text), Ok(Name::Server(ServerName::IpAddress(_)))), "{text}");
        }
        assert!(matches!(name("ip:2001:db8::1"), Ok(Name::Server(ServerName::IpAddress(_)))));
        assert!(matches!(name("a@b.example"), Ok(Name::Email(_))));
        for text in ["", "not a name", "*.a.example", "ip:a.example", "dns:192.0.2.1", "email:a"] {
            assert!(name(text).is_err(), "{text}");
        }
    }

    #[test]
    fn names_with_their_kind() {
        for text in ["dns:*.a.example", "dns:192.0.2.1", "dns:", "ip:1.2.3", "ip:", "email:x"] {
            assert!(matches!(tagged_name(text), Some(Name::Impossible(_))), "{text}");
        }
        for text in ["a.example", "uri:https://a.example", ""] {
            assert!(tagged_name(text).is_none(), "{text}");
        }
    }

    #[test]
    fn times() {
        let seconds = |text| time(text).map(|time| time.as_secs());
        assert_eq!(seconds("2026-07-30T12:00:00Z"), Ok(1_785_412_800));
        assert_eq!(seconds("2026-07-30T14:00:00.5+02:00"), Ok(1_785_412_800));
        assert_eq!(seconds("1970-01-01T00:00:00Z"), Ok(0));
        for text in ["", "2026-07-30", "1969-12-31T23:59:59Z", "2026-02-30T00:00:00Z"] {
            assert!(seconds(text).is_err(), "{text}");
        }
    }
}
