//! `#[chariot_engine]`: the author's struct, untouched, and one `fn main` that hands over to the SDK.

use proc_macro2::{Span, TokenStream};
use quote::{quote, quote_spanned};
use syn::{
    Expr, ExprLit, Ident, Item, Lit, LitBool, LitStr,
    parse::{ParseStream, Parser},
};

use crate::shared::{Errors, Key, default_crate, parse_crate, parse_keys};

struct Options {
    sdk: TokenStream,
    main: bool,
    name: TokenStream,
    version: TokenStream,
    /// Variables without the prefix, and their values as text.
    defaults: Vec<(String, String)>,
    /// The keys that only a generated `main` reads.
    for_main: Vec<Ident>,
}

/// What a default of the runtime's settings can be.
enum Value {
    /// Any text.
    Text,
    /// One of these words.
    Choice(&'static [&'static str]),
    /// `true` or `false`.
    Bool,
    /// `auto`, `cpu`, `cuda`, `cuda:1`, `metal`.
    Device,
    /// An integer from here to there.
    Int(u64, u64),
    /// A number from 0 to 1.
    Share,
    /// Text such as `64MiB`, or a number of bytes.
    Size,
    /// Text such as `5s`, or a number of seconds.
    Duration,
}

/// The runtime's settings that can have a default here: the fields of the SDK's `EngineSettings`.
const SETTINGS: [(&str, Value); 30] = [
    ("host", Value::Text),
    ("port", Value::Int(0, 65535)),
    ("base_url", Value::Text),
    ("model_dir", Value::Text),
    ("model_name", Value::Text),
    ("device", Value::Device),
    ("workers", Value::Int(1, u64::MAX)),
    ("threads", Value::Int(1, u64::MAX)),
    ("max_concurrency", Value::Int(1, u64::MAX)),
    ("queue_size", Value::Int(0, u64::MAX)),
    ("max_batch", Value::Int(1, u64::MAX)),
    ("batch_delay", Value::Duration),
    ("score_threshold", Value::Share),
    ("output_layout", Value::Choice(&["objects", "columns"])),
    ("output_encoding", Value::Choice(&["json", "string"])),
    ("max_body", Value::Size),
    ("compress_responses", Value::Bool),
    ("max_inflight_bytes", Value::Size),
    ("max_pixels", Value::Int(1, u64::MAX)),
    ("header_timeout", Value::Duration),
    ("body_timeout", Value::Duration),
    ("write_timeout", Value::Duration),
    ("max_connections", Value::Int(1, u64::MAX)),
    ("timeout", Value::Duration),
    ("stall_timeout", Value::Duration),
    ("drain_delay", Value::Duration),
    ("grace", Value::Duration),
    ("metrics", Value::Bool),
    ("log_level", Value::Choice(&["off", "error", "warn", "info", "debug", "trace"])),
    ("log_format", Value::Choice(&["human", "json"])),
];

pub(crate) fn expand(arguments: TokenStream, item: TokenStream) -> TokenStream {
    let mut errors = Errors::default();
    let options = options(arguments, &mut errors);
    let parsed = errors.keep(syn::parse2::<Item>(item.clone()));
    let engine = parsed.as_ref().and_then(|item| check_item(item, &mut errors));
    match engine {
        Some(engine) if errors.is_empty() => {
            let generated = generate(engine, &options);
            quote!(#item #generated)
        }
        _ => {
            // Without a `main` the compiler would report that too.
            let has_main = matches!(&parsed, Some(Item::Fn(function)) if function.sig.ident == "main");
            let main = (options.main && !has_main).then(|| {
                quote!(
                    fn main() {}
                )
            });
            let errors = errors.into_tokens();
            quote!(#item #errors #main)
        }
    }
}

/// The engine's struct, or what is wrong with the item.
fn check_item<'a>(item: &'a Item, errors: &mut Errors) -> Option<&'a syn::ItemStruct> {
    const WANTED: &str = "`#[chariot_engine]` goes on the struct that holds the model, the one with `impl Model`";
    let (tokens, what): (&dyn quote::ToTokens, &str) = match item {
        Item::Struct(engine) => {
            if let Some(parameter) = engine.generics.params.first() {
                let text = "an engine's struct has no parameters: `#[chariot_engine]` serves one certain type";
                errors.on(parameter, text);
                return None;
            }
            return Some(engine);
        }
        Item::Fn(function) => (&function.sig.ident, "a function"),
        Item::Enum(item) => (&item.ident, "an enum"),
        Item::Union(item) => (&item.ident, "a union"),
        Item::Impl(item) => (&item.self_ty, "an `impl`"),
        Item::Mod(item) => (&item.ident, "a module"),
        Item::Trait(item) => (&item.ident, "a trait"),
        Item::Type(item) => (&item.ident, "another name of a type"),
        _ => {
            errors.at(Span::call_site(), WANTED);
            return None;
        }
    };
    errors.on(tokens, format!("{WANTED}; this is {what}"));
    None
}

fn options(arguments: TokenStream, errors: &mut Errors) -> Options {
    let mut options = Options {
        sdk: default_crate(),
        main: true,
        name: quote!(::core::env!("CARGO_PKG_NAME")),
        version: quote!(::core::env!("CARGO_PKG_VERSION")),
        defaults: vec![],
        for_main: vec![],
    };
    let parser = |input: ParseStream<'_>| {
        parse_keys(input, &mut vec![], errors, |key, errors| option(key, &mut options, errors))
    };
    let parsed = Parser::parse2(parser, arguments);
    errors.keep(parsed);
    if !options.main {
        for key in &options.for_main {
            errors.on(key, format!("`{key}` does nothing beside `main = false`: give it to `Engine::builder()`"));
        }
    }
    options
}

fn option(key: &Key<'_>, options: &mut Options, errors: &mut Errors) -> syn::Result<()> {
    let name = key.text();
    match name.as_str() {
        "crate" => options.sdk = key.value(parse_crate)?,
        "main" => options.main = key.value(main)?,
        "name" => options.name = key.value(|input| text(input, errors))?,
        "version" => options.version = key.value(|input| text(input, errors))?,
        _ => {
            let Some((_, kind)) = SETTINGS.iter().find(|(setting, _)| *setting == name) else {
                let known =
                    ["name", "version", "main", "crate"].into_iter().chain(SETTINGS.iter().map(|(name, _)| *name));
                return Err(key.unknown(&known.collect::<Vec<_>>()));
            };
            let value: Expr = key.value(|input| input.parse())?;
            match kind.check(&value) {
                Some(text) => options.defaults.push((name.to_uppercase(), text)),
                None => errors.on(&value, format!("`{name}` is {}", kind.expected())),
            }
        }
    }
    if !["crate", "main"].contains(&name.as_str()) {
        options.for_main.push(key.name.clone());
    }
    Ok(())
}

fn main(input: ParseStream<'_>) -> syn::Result<bool> {
    let main = input.parse::<LitBool>();
    main.map(|main| main.value).map_err(|error| syn::Error::new(error.span(), "`main` is `true` or `false`"))
}

fn text(input: ParseStream<'_>, errors: &mut Errors) -> syn::Result<TokenStream> {
    let text: LitStr = input.parse().map_err(|error| syn::Error::new(error.span(), "a text in quotes is expected"))?;
    if text.value().trim().is_empty() {
        errors.on(&text, "a text that is not empty is expected");
    }
    Ok(quote!(#text))
}

impl Value {
    fn expected(&self) -> String {
        match self {
            Value::Text => "a text in quotes".into(),
            Value::Choice(words) => format!("one of {}", quoted(words)),
            Value::Bool => "`true` or `false`".into(),
            Value::Device => "one of \"auto\", \"cpu\", \"cuda\", \"cuda:1\", \"metal\"".into(),
            Value::Int(least, u64::MAX) => format!("an integer of at least {least}"),
            Value::Int(least, most) => format!("an integer from {least} to {most}"),
            Value::Share => "a number from 0 to 1".into(),
            Value::Size => "a size such as \"64MiB\", or a number of bytes".into(),
            Value::Duration => "a duration such as \"5s\", or a number of seconds".into(),
        }
    }

    /// The value as the text that an environment would have; `None` if it cannot be one.
    fn check(&self, value: &Expr) -> Option<String> {
        let lit = match value {
            Expr::Lit(ExprLit { lit, .. }) => lit,
            // What another macro passes on as a literal.
            Expr::Group(group) => return self.check(&group.expr),
            _ => return None,
        };
        match (self, lit) {
            (Value::Text | Value::Size | Value::Duration, Lit::Str(text)) => Some(text.value()),
            (Value::Choice(words), Lit::Str(text)) => Some(text.value()).filter(|text| words.contains(&text.as_str())),
            (Value::Bool, Lit::Bool(value)) => Some(value.value.to_string()),
            (Value::Device, Lit::Str(text)) => Some(text.value()).filter(|text| is_device(text)),
            (Value::Int(least, most), Lit::Int(int)) => {
                let number = int.base10_parse::<u64>().ok().filter(|number| (least..=most).contains(&number));
                number.map(|number| number.to_string())
            }
            (Value::Size | Value::Duration, Lit::Int(int)) => int.base10_parse::<u64>().ok().map(|n| n.to_string()),
            (Value::Duration, Lit::Float(float)) => float.base10_parse::<f64>().ok().map(|n| n.to_string()),
            (Value::Share, Lit::Float(float)) => share(float.base10_parse().ok()?),
            (Value::Share, Lit::Int(int)) => share(int.base10_parse().ok()?),
            _ => None,
        }
    }
}

fn share(number: f64) -> Option<String> {
    (0.0..=1.0).contains(&number).then(|| number.to_string())
}

fn is_device(text: &str) -> bool {
    let numbered = |text: &str| text.strip_prefix("cuda:").is_some_and(|number| number.parse::<usize>().is_ok());
    ["auto", "cpu", "cuda", "metal"].contains(&text) || numbered(text)
}

fn quoted(words: &[&str]) -> String {
    words.iter().map(|word| format!("{word:?}")).collect::<Vec<_>>().join(", ")
}

fn generate(engine: &syn::ItemStruct, options: &Options) -> TokenStream {
    let Options { sdk, name, version, .. } = options;
    // The struct's own span, so that a missing `impl Model` is reported on the struct's name.
    let ident = &engine.ident;
    if !options.main {
        let check = quote_spanned!(ident.span()=> #sdk::__private::assert_model::<#ident>());
        return quote!(const _: () = #check;);
    }
    let description = doc_comment(&engine.attrs);
    let defaults = options.defaults.iter().map(|(name, value)| quote!((#name, #value)));
    quote! {
        fn main() -> ::std::process::ExitCode {
            #sdk::__private::main::<#ident>(#sdk::__private::Attribute {
                name: #name,
                version: #version,
                description: #description,
                defaults: &[#(#defaults),*],
            })
        }
    }
}

/// Returns the doc comment among these attributes, without the space at the start of each line.
fn doc_comment(attributes: &[syn::Attribute]) -> String {
    let lines = attributes.iter().filter_map(|attribute| {
        let syn::Meta::NameValue(doc) = &attribute.meta else { return None };
        let Expr::Lit(ExprLit { lit: Lit::Str(text), .. }) = &doc.value else { return None };
        doc.path.is_ident("doc").then(|| text.value())
    });
    let lines = lines.map(|line| line.strip_prefix(' ').unwrap_or(&line).to_string());
    lines.collect::<Vec<_>>().join("\n").trim().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn expanded(arguments: &str, item: &str) -> String {
        expand(arguments.parse().unwrap(), item.parse().unwrap()).to_string()
    }

    fn faults(arguments: &str) -> usize {
        let expanded = expanded(arguments, "struct A;");
        assert_eq!(expanded.matches("fn main").count(), 1, "{expanded}");
        expanded.matches("compile_error").count()
    }

    #[test]
    fn the_struct_stays_and_one_main_comes() {
        let expanded =
            expanded("port = 9000, timeout = \"30s\", name = \"shout\"", "#[doc = \"x\"] pub struct A { a: u8 }");
        assert!(expanded.starts_with("# [doc = \"x\"] pub struct A { a : u8 }"), "{expanded}");
        assert!(expanded.contains(r#"defaults : & [("PORT" , "9000") , ("TIMEOUT" , "30s")]"#), "{expanded}");
        assert!(expanded.contains(r#"name : "shout""#), "{expanded}");
        assert_eq!(expanded.matches("fn main").count(), 1);
    }

    #[test]
    fn the_doc_comment_is_the_description() {
        let expanded = expanded("", "/// Says it louder.\n///\n///     code\n#[derive(Clone)]\n/// End\nstruct A;");
        assert!(expanded.contains(r#"description : "Says it louder.\n\n    code\nEnd""#), "{expanded}");
    }

    #[test]
    fn without_a_main_the_struct_is_still_checked() {
        let expanded = expanded("main = false, crate = \"other::sdk\"", "struct A;");
        assert!(!expanded.contains("fn main"), "{expanded}");
        assert!(expanded.contains("other :: sdk :: __private :: assert_model :: < A >"), "{expanded}");
    }

    #[test]
    fn values_are_checked_where_they_can_be() {
        for right in [
            "port = 0",
            "workers = 1",
            "score_threshold = 1",
            "score_threshold = 0.25",
            "device = \"cuda:3\"",
            "max_body = \"1GiB\"",
            "max_body = 1024",
            "grace = 2.5",
            "compress_responses = true",
            "log_level = \"warn\"",
        ] {
            assert_eq!(faults(right), 0, "{right}");
        }
        for wrong in [
            "port = 65536",
            "port = -1",
            "port = \"http\"",
            "workers = 0",
            "score_threshold = 1.5",
            "device = \"tpu\"",
            "host = 1",
            "compress_responses = 1",
            "log_level = \"loud\"",
            "prt = 1",
            "port = 1, port = 2",
            "port",
            "name = \"\"",
            "main = 1",
        ] {
            assert_eq!(faults(wrong), 1, "{wrong}");
        }
    }

    #[test]
    fn what_only_a_main_reads_is_refused_without_one() {
        for arguments in ["main = false, port = 9000, name = \"a\"", "port = 9000, name = \"a\", main = false"] {
            let expanded = expanded(arguments, "struct A;");
            assert_eq!(expanded.matches("does nothing beside `main = false`").count(), 2, "{expanded}");
            assert!(!expanded.contains("fn main"), "{expanded}");
        }
    }

    #[test]
    fn on_anything_else_there_is_one_error_and_one_main() {
        for item in ["fn main() {}", "fn infer() {}", "enum A {}", "struct A<T>(T);", "impl A {}", "const A: u8 = 1;"] {
            let expanded = expanded("", item);
            assert_eq!(expanded.matches("compile_error").count(), 1, "{item}: {expanded}");
            assert_eq!(expanded.matches("fn main").count(), 1, "{item}: {expanded}");
        }
    }
}
