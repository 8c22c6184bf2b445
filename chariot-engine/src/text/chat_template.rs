//! [`ChatTemplate`]: the template with which a model's authors write a conversation as one text. Authors load it in `load`,
//! and the SDK renders conversations with it.

use std::{
    fmt,
    io::{self, Write},
    path::Path,
    sync::Arc,
};

use minijinja::{
    Environment, ErrorKind, Value, context, escape_formatter,
    value::{Kwargs, ValueKind},
};
use minijinja_contrib::pycompat;
use serde::{Deserialize, Serialize};

use super::{
    config::{self, Token},
    python_json,
    room::Room,
};
use crate::{
    error::{Context, Error, Expected, Rejection, Result, quoted},
    files,
    input::{ChatMessage, ChatPart, Role},
    protocol::Reserve,
};

/// The file in which newer models have their template.
const FILE: &str = "chat_template.jinja";

/// The largest template in bytes. Those of published models have some ten kilobytes.
const MAX_BYTES: usize = 1 << 20;

/// The most steps that a template may take for a conversation. A message takes some ten.
const FUEL: u64 = 4_000_000;

/// The deepest nesting of calls in a template.
const DEPTH: usize = 100;

/// The text that a template may add to that of the conversation, in bytes.
const OVERHEAD: usize = 1 << 20;

/// The number of times that a template may repeat the text of the conversation.
const REPEATS: usize = 4;

/// The memory of a message, or of a part of one, while a template reads it, beside that of its text.
const MESSAGE: usize = 600;

/// The name of the only template of an environment.
const NAME: &str = "chat";

/// A model's chat template in the language Jinja, as Hugging Face's library `transformers` reads it.
///
/// It has `messages`, `add_generation_prompt` (which is true), `bos_token`, `eos_token`, `tools` and `documents` (which are
/// `none`), the functions `raise_exception` and `strftime_now` (in UTC), the filter `tojson`, and the methods of Python's
/// strings, lists and dictionaries.
///
/// The content of a message is a string if all of its parts are texts, and a list of parts otherwise. The role `developer`
/// is written as `system` if the template does not know it.
///
/// ```
/// use chariot_engine::{
///     input::{ChatMessage, Role},
///     text::ChatTemplate,
/// };
///
/// let template = ChatTemplate::new(
///     "{{ bos_token }}{% for message in messages %}[{{ message.role }}] {{ message.content | trim }}\n{% endfor %}\
///      {% if add_generation_prompt %}[assistant]{% endif %}",
/// )
/// .unwrap()
/// .with_tokens("<s>", "</s>");
/// let text = template.render(&[ChatMessage::new(Role::User, " Name a color. ")]).unwrap();
/// assert_eq!(text, "<s>[user] Name a color.\n[assistant]");
/// ```
#[derive(Clone)]
pub struct ChatTemplate {
    environment: Arc<Environment<'static>>,
    bos_token: Option<Arc<str>>,
    eos_token: Option<Arc<str>>,
    knows_developer: bool,
}

/// The part of `tokenizer_config.json` that matters here.
#[derive(Default, Deserialize)]
struct TemplateConfig {
    chat_template: Option<Templates>,
    bos_token: Option<Token>,
    eos_token: Option<Token>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Templates {
    One(String),
    Named(Vec<Named>),
}

#[derive(Deserialize)]
struct Named {
    name: String,
    template: String,
}

impl Templates {
    /// Returns the only template, or the one with the name `default`.
    fn default_one(self) -> Result<String> {
        match self {
            Templates::One(template) => Ok(template),
            Templates::Named(all) => {
                let names: Vec<String> = all.iter().map(|one| quoted(&one.name)).collect();
                let found = all.into_iter().find(|one| one.name == "default").map(|one| one.template);
                found.ok_or_else(|| {
                    let fault = Expected::new("a chat template with the name 'default'", names.join(", "));
                    fault.to_string().into()
                })
            }
        }
    }
}

/// The reason for which a template refuses a conversation.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Raised(String);

impl ChatTemplate {
    /// Parses a template, without tokens.
    ///
    /// # Errors
    /// Returns an error with the line if the text is no template, or if it is larger than 1 MiB.
    pub fn new(source: impl Into<String>) -> Result<Self> {
        let source = source.into();
        if source.len() > MAX_BYTES {
            return Err(Expected::new("a chat template of at most 1 MiB", source.len()).to_string().into());
        }
        let knows_developer = source.contains("developer");
        let mut environment = Environment::new();
        environment.set_trim_blocks(true);
        environment.set_lstrip_blocks(true);
        environment.set_recursion_limit(DEPTH);
        environment.set_fuel(Some(FUEL));
        environment.set_unknown_method_callback(pycompat::unknown_method_callback);
        environment.set_formatter(|out, state, value| match value.kind() {
            ValueKind::None => out.write_str("None").map_err(Into::into),
            ValueKind::Bool => out.write_str(if value.is_true() { "True" } else { "False" }).map_err(Into::into),
            _ => escape_formatter(out, state, value),
        });
        environment.add_filter("tojson", |value: &Value, options: Kwargs| {
            let indent: Option<usize> = options.get("indent")?;
            for ignored in ["ensure_ascii", "separators", "sort_keys"] {
                let _: Option<Value> = options.get(ignored)?;
            }
            options.assert_all_used()?;
            let written = python_json::to_string(value, indent);
            written.map_err(|error| minijinja::Error::new(ErrorKind::BadSerialization, error.to_string()))
        });
        environment.add_function("raise_exception", |message: String| -> Result<Value, minijinja::Error> {
            Err(minijinja::Error::new(ErrorKind::InvalidOperation, message.clone()).with_source(Raised(message)))
        });
        environment.add_function("strftime_now", strftime_now);
        environment.add_template_owned(NAME, source).context("reading the chat template")?;
        Ok(ChatTemplate { environment: Arc::new(environment), bos_token: None, eos_token: None, knows_developer })
    }

    /// Sets the tokens that begin and end a text, which the template may write.
    #[must_use]
    pub fn with_tokens(mut self, bos: impl Into<Arc<str>>, eos: impl Into<Arc<str>>) -> Self {
        self.bos_token = Some(bos.into());
        self.eos_token = Some(eos.into());
        self
    }

    /// Reads the template of a folder: `chat_template.jinja`, or that of `tokenizer_config.json`, which also has the tokens.
    ///
    /// # Errors
    /// Returns an error if there is none, and the errors of [`new`](Self::new).
    pub(crate) fn read(folder: &Path) -> Result<Self> {
        let config: TemplateConfig = config::read(folder, config::TOKENIZER)?.unwrap_or_default();
        let path = folder.join(FILE);
        let source = match (path.exists(), config.chat_template) {
            (true, _) => {
                let read = files::read_up_to(&path, MAX_BYTES).context(format_args!("reading '{FILE}'"))?;
                let bytes = read.ok_or_else(|| Expected::new("a file of at most 1 MiB", "a larger file").to_string());
                String::from_utf8(bytes?).context(format_args!("reading '{FILE}'"))?
            }
            (false, Some(templates)) => templates.default_one().context(format_args!("'{}'", config::TOKENIZER))?,
            (false, None) => {
                let what = format!("'{FILE}' or a 'chat_template' in '{}'", config::TOKENIZER);
                return Err(Expected::new(what, "neither").to_string().into());
            }
        };
        let mut template = Self::new(source)?;
        template.bos_token = config.bos_token.map(|token| token.into_text().into());
        template.eos_token = config.eos_token.map(|token| token.into_text().into());
        Ok(template)
    }

    /// Writes a conversation as the text that the model continues.
    ///
    /// # Errors
    /// Returns a rejection if the template refuses the conversation by `raise_exception`, with its words, or if the
    /// conversation takes too many steps or too much text. Returns a failure if the template itself fails.
    pub fn render(&self, messages: &[ChatMessage]) -> Result<String> {
        self.render_within(messages, Room::default())
    }

    /// Writes a conversation like [`render`](Self::render), and reserves the memory that this takes from a budget until it is
    /// done.
    ///
    /// # Errors
    /// Returns the errors of [`render`](Self::render), and that of the budget.
    pub(crate) fn render_reserving(&self, messages: &[ChatMessage], budget: &dyn Reserve) -> Result<String> {
        self.render_within(messages, Room::of(budget))
    }

    fn render_within(&self, messages: &[ChatMessage], mut room: Room<'_>) -> Result<String> {
        let texts = messages.iter().flat_map(|message| &message.content).filter_map(ChatPart::as_text);
        let length: usize = texts.map(str::len).sum();
        let parts: usize = messages.iter().map(|message| 1 + message.content.len()).sum();
        // The texts are copied, once more where several parts are joined.
        let read = parts.saturating_mul(MESSAGE).saturating_add(length.saturating_mul(2));
        room.make(read)?;
        let most = length.saturating_mul(REPEATS).saturating_add(OVERHEAD);
        let mut written = Limited { text: Vec::new(), most, room, read, refused: None };
        let messages: Vec<Written<'_>> = messages.iter().map(|message| self.message(message)).collect();
        let template = self.environment.get_template(NAME)?;
        let token = |token: &Option<Arc<str>>| token.as_deref().map_or(Value::UNDEFINED, Value::from);
        let context = context! {
            messages, add_generation_prompt => true, tools => (), documents => (),
            bos_token => token(&self.bos_token), eos_token => token(&self.eos_token),
        };
        match template.render_captured_to(context, &mut written) {
            Ok(_) => Ok(String::from_utf8(written.text)?),
            Err(error) => Err(written.refused.unwrap_or_else(|| fault(error))),
        }
    }

    fn message<'a>(&self, message: &'a ChatMessage) -> Written<'a> {
        let role = match message.role {
            Role::Developer if !self.knows_developer => Role::System,
            role => role,
        };
        let content = match message.text() {
            Some(text) => WrittenContent::Text(text),
            None => WrittenContent::Parts(message.content.iter().map(WrittenPart::of).collect()),
        };
        Written { role: role.as_str(), content, name: message.name.as_deref() }
    }
}

impl fmt::Debug for ChatTemplate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ChatTemplate { bos_token, eos_token, .. } = self;
        f.debug_struct("ChatTemplate")
            .field("bos_token", bos_token)
            .field("eos_token", eos_token)
            .finish_non_exhaustive()
    }
}

/// A message as a template reads it.
#[derive(Serialize)]
struct Written<'a> {
    role: &'static str,
    content: WrittenContent<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum WrittenContent<'a> {
    Text(std::borrow::Cow<'a, str>),
    Parts(Vec<WrittenPart<'a>>),
}

/// A part of a message as a template reads it. A picture has no data: the model gets it in another way.
#[derive(Serialize)]
struct WrittenPart<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<&'a str>,
}

impl<'a> WrittenPart<'a> {
    fn of(part: &'a ChatPart) -> Self {
        let text = part.as_text();
        WrittenPart { kind: if text.is_some() { "text" } else { "image" }, text }
    }
}

/// The text that a template has written, up to a limit.
struct Limited<'a> {
    text: Vec<u8>,
    most: usize,
    room: Room<'a>,
    /// The memory of what the template reads, which has its room already.
    read: usize,
    /// The error of the budget.
    refused: Option<Error>,
}

impl Write for Limited<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let length = self.text.len() + bytes.len();
        if length > self.most {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        if length > self.text.capacity() {
            let more = self.text.capacity().saturating_mul(2).max(length);
            // The old text is there until it is copied.
            if let Err(error) = self.room.make(self.read + self.text.capacity() + more) {
                self.refused = Some(error);
                return Err(io::ErrorKind::OutOfMemory.into());
            }
            self.text.reserve_exact(more - self.text.len());
        }
        self.text.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Returns the error of a template: the caller's fault where the template refuses the conversation, or where it is too long.
fn fault(error: minijinja::Error) -> Error {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(&error);
    while let Some(found) = cause {
        if let Some(Raised(message)) = found.downcast_ref() {
            return Rejection::new(Expected::new("a conversation that the chat template accepts", quoted(message)))
                .into();
        }
        cause = found.source();
    }
    match error.kind() {
        ErrorKind::OutOfFuel | ErrorKind::WriteFailure => {
            let what = "a conversation that the chat template can write";
            Rejection::new(Expected::new(what, "one that is too long for it")).into()
        }
        _ => Error::from(error).context("rendering the chat template"),
    }
}

/// Returns the time in UTC in a format of C's `strftime`.
fn strftime_now(format: &str) -> Result<String, minijinja::Error> {
    let items = chrono::format::StrftimeItems::new(format).parse();
    let items = items.map_err(|error| minijinja::Error::new(ErrorKind::InvalidOperation, error.to_string()))?;
    let now = chrono::DateTime::<chrono::Utc>::from(std::time::SystemTime::now());
    Ok(now.format_with_items(items.iter()).to_string())
}

#[cfg(test)]
mod tests {
    use serde_json::Value as Json;

    use super::*;
    use crate::error::ErrorKind;

    const TEMPLATES: [(&str, &str); 4] = [
        ("chatml", include_str!("templates/chatml.jinja")),
        ("llama-3", include_str!("templates/llama-3.jinja")),
        ("mistral", include_str!("templates/mistral.jinja")),
        ("python", include_str!("templates/python.jinja")),
    ];

    fn message(written: &Json) -> ChatMessage {
        let role = serde_json::from_value(written["role"].clone()).unwrap();
        let mut message = ChatMessage::new(role, written["content"].as_str().unwrap());
        message.name = written["name"].as_str().map(str::to_owned);
        message
    }

    #[test]
    fn texts_are_those_of_jinja() {
        let references: Vec<Json> = serde_json::from_str(include_str!("templates/references.json")).unwrap();
        assert_eq!(references.len(), 24);
        for reference in references {
            let name = reference["template"].as_str().unwrap();
            let source = TEMPLATES.iter().find(|(known, _)| *known == name).unwrap().1;
            let template = ChatTemplate::new(source).unwrap().with_tokens("<s>", "</s>");
            let messages: Vec<ChatMessage> = reference["messages"].as_array().unwrap().iter().map(message).collect();
            match (template.render(&messages), reference["refusal"].as_str()) {
                (Ok(text), None) => assert_eq!(text, reference["text"].as_str().unwrap(), "{name}: {messages:?}"),
                (Err(error), Some(refusal)) => {
                    let text = error.public_message().unwrap();
                    assert!(error.kind() == ErrorKind::Rejected && text.contains(refusal), "{name}: {text}");
                }
                (rendered, refusal) => panic!("{name}: {rendered:?} {refusal:?} {messages:?}"),
            }
        }
    }

    fn hello() -> Vec<ChatMessage> {
        vec![ChatMessage::new(Role::User, "hello")]
    }

    #[test]
    fn a_template_is_read_from_each_place() {
        let dir = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| std::fs::write(dir.path().join(name), text).unwrap();
        let rendered = || ChatTemplate::read(dir.path()).and_then(|template| template.render(&hello()));
        let missing = rendered().unwrap_err().to_string();
        assert!(missing.contains("chat_template.jinja") && missing.contains("tokenizer_config.json"), "{missing}");
        write("tokenizer_config.json", r#"{"chat_template": "one {{ bos_token }}", "bos_token": {"content": "<s>"}}"#);
        assert_eq!(rendered().unwrap(), "one <s>");
        let named =
            r#"{"chat_template": [{"name": "tool_use", "template": "no"}, {"name": "default", "template": "two"}]}"#;
        write("tokenizer_config.json", named);
        assert_eq!(rendered().unwrap(), "two");
        write("chat_template.jinja", "three{{ eos_token }}");
        assert_eq!(rendered().unwrap(), "three");
        write("chat_template.jinja", "{% if %}");
        assert!(rendered().is_err());
        write("chat_template.jinja", &"x".repeat(MAX_BYTES + 1));
        assert!(rendered().unwrap_err().log_message().contains("1 MiB"));
    }

    #[test]
    fn a_template_without_end_is_refused() {
        let endless = [
            "{% for i in range(100000) %}{% for j in range(100000) %}{% endfor %}{% endfor %}",
            "{% for i in range(90000) %}{{ 'x' * 90000 }}{% endfor %}",
        ];
        for source in endless {
            let error = ChatTemplate::new(source).unwrap().render(&hello()).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Rejected, "{}", error.log_message());
        }
        let recursive = "{% macro f(x) %}{{ f(x) }}{% endmacro %}{{ f(1) }}";
        assert!(ChatTemplate::new(recursive).unwrap().render(&hello()).is_err());
    }

    #[test]
    fn an_error_of_the_template_is_no_fault_of_the_caller() {
        let template = ChatTemplate::new("{{ messages[0].content.nothing.at_all }}").unwrap();
        assert_eq!(template.render(&hello()).unwrap_err().kind(), ErrorKind::Failed);
    }

    #[test]
    fn a_developer_is_the_system_where_the_template_does_not_know_one() {
        let messages = [ChatMessage::new(Role::Developer, "a")];
        let render = |source: &str| ChatTemplate::new(source).unwrap().render(&messages).unwrap();
        assert_eq!(render("{{ messages[0].role }}"), "system");
        assert_eq!(render("{{ messages[0].role }}{# developer #}"), "developer");
    }
}
