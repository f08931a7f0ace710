//! What was offered and what was chosen, side by side, read from the fields of the messages.

use crate::account::{Choice, ChoiceSubject, Field, Message, Side, Value};

/// The parameters that the messages negotiate.
pub(crate) fn of(messages: &[Message]) -> Vec<Choice> {
    let Some(hello) = last(messages, "ClientHello", Side::Client) else { return Vec::new() };
    let server_hello = last(messages, "ServerHello", Side::Server);
    let mut negotiation = Negotiation { messages, hello, choices: Vec::new() };
    negotiation.version(server_hello);
    negotiation.suite_and_group(server_hello);
    negotiation.signatures();
    negotiation.extensions_of_server();
    negotiation.pre_shared_key(server_hello);
    negotiation.choices
}

/// A message with its index.
#[derive(Clone, Copy)]
struct Place<'m> {
    index: usize,
    message: &'m Message,
}

impl<'m> Place<'m> {
    fn extension(&self, name: &str) -> Option<&'m Field> {
        self.message.extension(name)
    }
}

fn last<'m>(messages: &'m [Message], name: &str, sender: Side) -> Option<Place<'m>> {
    let is_it = |message: &Message| message.name == name && message.sender == sender;
    let index = messages.iter().rposition(is_it)?;
    Some(Place { index, message: messages.get(index)? })
}

/// The values of the leaves of a list: without its length.
fn values(list: Option<&Field>) -> Vec<Value> {
    let mut leaves = Vec::new();
    if let Some(list) = list {
        list.leaves(&mut leaves);
    }
    leaves.retain(|leaf| !matches!(leaf.name, "length" | "extension_type"));
    leaves.into_iter().filter_map(|leaf| leaf.value.clone()).collect()
}

/// The value of the field of this name in an extension.
fn value(place: Option<Place<'_>>, extension: &str, field: &str) -> Option<Value> {
    place?.extension(extension)?.find(field)?.value.clone()
}

struct Negotiation<'m> {
    messages: &'m [Message],
    hello: Place<'m>,
    choices: Vec<Choice>,
}

impl<'m> Negotiation<'m> {
    fn add(
        &mut self,
        subject: ChoiceSubject,
        offered_by_client: Vec<Value>,
        chosen: Option<Value>,
        chosen_in: Option<Place<'_>>,
    ) {
        let position = chosen
            .as_ref()
            .and_then(|chosen| offered_by_client.iter().position(|offered| offered == chosen));
        let mut index = None;
        if let (Some(_), Some(place)) = (&chosen, chosen_in) {
            index = Some(place.index);
        }
        self.choices.push(Choice {
            subject,
            offered_by_client,
            offered_by_server: Vec::new(),
            chosen,
            chosen_in: index,
            position,
        });
    }

    fn last(&self, name: &str, sender: Side) -> Option<Place<'m>> {
        last(self.messages, name, sender)
    }

    fn offered(&self, extension: &str) -> Vec<Value> {
        values(self.hello.extension(extension))
    }

    fn version(&mut self, server_hello: Option<Place<'m>>) {
        let mut offered = self.offered("supported_versions");
        if offered.is_empty() {
            offered
                .extend(self.hello.message.find("legacy_version").and_then(|it| it.value.clone()));
        }
        let chosen = value(server_hello, "supported_versions", "selected_version").or_else(|| {
            server_hello?.message.find("legacy_version").and_then(|field| field.value.clone())
        });
        self.add(ChoiceSubject::Version, offered, chosen, server_hello);
    }

    fn suite_and_group(&mut self, server_hello: Option<Place<'m>>) {
        let suites = values(self.hello.message.find("cipher_suites"));
        let suite = server_hello.and_then(|it| it.message.find("cipher_suite")?.value.clone());
        self.add(ChoiceSubject::CipherSuite, suites, suite, server_hello);
        let group = value(server_hello, "key_share", "group");
        self.add(
            ChoiceSubject::Group,
            self.offered("supported_groups"),
            group.clone(),
            server_hello,
        );
        // The preferences of the server, for a later connection.
        let preferred = self.last("EncryptedExtensions", Side::Server);
        let preferred = values(preferred.and_then(|it| it.extension("supported_groups")));
        if let Some(choice) = self.choices.last_mut() {
            choice.offered_by_server = preferred;
        }
        let first = self.messages.iter().position(|it| it.name == "ClientHello");
        let first = first.and_then(|index| self.messages.get(index));
        let retry = self.last("HelloRetryRequest", Side::Server);
        if let Some(requested) = value(retry, "key_share", "selected_group") {
            let shares = first.and_then(|hello| hello.extension("key_share"));
            self.add(ChoiceSubject::RequestedGroup, groups_of(shares), Some(requested), retry);
        }
        let shares = groups_of(self.hello.extension("key_share"));
        self.add(ChoiceSubject::KeyShare, shares, group, server_hello);
    }

    fn signatures(&mut self) {
        let schemes = self.offered("signature_algorithms");
        let verify = self.last("CertificateVerify", Side::Server);
        let scheme = verify.and_then(|it| it.message.find("algorithm")?.value.clone());
        self.add(ChoiceSubject::SignatureScheme, schemes, scheme, verify);
        let Some(request) = self.last("CertificateRequest", Side::Server) else { return };
        let verify = self.last("CertificateVerify", Side::Client);
        let scheme = verify.and_then(|it| it.message.find("algorithm")?.value.clone());
        self.add(ChoiceSubject::ClientSignatureScheme, Vec::new(), scheme, verify);
        if let Some(choice) = self.choices.last_mut() {
            choice.offered_by_server = values(request.extension("signature_algorithms"));
        }
    }

    fn extensions_of_server(&mut self) {
        let answers = self.last("EncryptedExtensions", Side::Server);
        let protocols = self.offered("application_layer_protocol_negotiation");
        if !protocols.is_empty() {
            let chosen = answers
                .and_then(|it| it.extension("application_layer_protocol_negotiation"))
                .and_then(|extension| values(Some(extension)).pop());
            self.add(ChoiceSubject::ApplicationProtocol, protocols, chosen, answers);
        }
        if let Some(name) = self.hello.extension("server_name").and_then(|it| it.find("data")) {
            let name = name.value.clone();
            let taken = answers.filter(|it| it.extension("server_name").is_some());
            let chosen = taken.and(name.clone());
            self.add(ChoiceSubject::ServerName, name.into_iter().collect(), chosen, answers);
        }
        let first = self.messages.iter().find(|message| message.name == "ClientHello");
        if first.is_some_and(|hello| hello.extension("early_data").is_some()) {
            let accepted = answers.map(|it| it.extension("early_data").is_some());
            let chosen = accepted.map(|accepted| Value::Number(u64::from(accepted)));
            self.add(ChoiceSubject::EarlyData, vec![Value::Number(1)], chosen, answers);
        }
    }

    fn pre_shared_key(&mut self, server_hello: Option<Place<'m>>) {
        let Some(keys) = self.hello.extension("pre_shared_key") else { return };
        let identities = keys.find("identities").map(|list| list.fields.as_slice());
        let identities: Vec<Value> = identities
            .unwrap_or_default()
            .iter()
            .filter_map(|identity| identity.find("identity")?.find("data")?.value.clone())
            .collect();
        let index = value(server_hello, "pre_shared_key", "selected_identity");
        let chosen = match index {
            Some(Value::Number(index)) => {
                usize::try_from(index).ok().and_then(|index| identities.get(index).cloned())
            }
            _ => None,
        };
        self.add(ChoiceSubject::PreSharedKey, identities, chosen, server_hello);
    }
}

/// The groups of the key shares in an extension.
fn groups_of(extension: Option<&Field>) -> Vec<Value> {
    let Some(list) = extension.and_then(|it| it.find("client_shares")) else { return Vec::new() };
    list.fields.iter().filter_map(|share| share.find("group")?.value.clone()).collect()
}
