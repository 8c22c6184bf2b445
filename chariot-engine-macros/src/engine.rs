//! `#[chariot_engine]`: leaves the author's struct as it is, and adds one `fn main` that calls the SDK.

use proc_macro2::{Span, TokenStream, TokenTree};
use quote::{ToTokens, quote, quote_spanned};
use syn::{
    Expr, ExprLit, Ident, Item, Lit,
    ext::IdentExt,
    parse::{ParseStream, Parser},
    spanned::Spanned,
};

use crate::shared::{Errors, Key, default_crate, expected, parse_crate, parse_keys, source};

/// The options of the attribute.
struct Options {
    sdk: TokenStream,
    main: bool,
    name: TokenStream,
    version: TokenStream,
    /// The defaults: names of variables without the prefix, and values as text.
    defaults: Vec<(String, String)>,
    /// The keys that have an effect on a generated `main` only.
    for_main: Vec<Ident>,
}

/// The kinds of values of the runtime's settings.
enum Value {
    /// Any text.
    Text,
    /// One of these words.
    Choice(&'static [&'static str]),
    /// A level of the log, and levels of targets: `info,ort=warn`.
    Levels,
    /// `true` or `false`.
    Bool,
    /// `auto`, `cpu`, `cuda`, `cuda:1`, `metal`.
    Device,
    /// An integer from a minimum to a maximum.
    Int(u64, u64),
    /// A number from 0 to 1.
    Share,
    /// Text such as `64MiB`, or a number of bytes.
    Size,
    /// Text such as `5s`, or a number of seconds.
    Duration,
}

/// The levels of the log.
const LEVELS: [&str; 6] = ["off", "error", "warn", "info", "debug", "trace"];

/// The runtime's settings that can have a default: the fields of the SDK's `EngineSettings`, without secrets. A test of the package `ui`
/// compares them.
const SETTINGS: [(&str, Value); 41] = [
    ("host", Value::Text),
    ("port", Value::Int(0, 65535)),
    ("base_url", Value::Text),
    ("model_dir", Value::Text),
    ("model_name", Value::Text),
    ("device", Value::Device),
    ("workers", Value::Int(1, u64::MAX)),
    ("threads", Value::Int(1, u64::MAX)),
    ("max_concurrency", Value::Int(1, u64::MAX)),
    ("inline", Value::Bool),
    ("warm_up", Value::Bool),
    ("queue_size", Value::Int(0, u64::MAX)),
    ("max_batch", Value::Int(1, u64::MAX)),
    ("batch_delay", Value::Duration),
    ("score_threshold", Value::Share),
    ("output_layout", Value::Choice(&["objects", "columns"])),
    ("output_encoding", Value::Choice(&["json", "string"])),
    ("max_body", Value::Size),
    ("compress_responses", Value::Bool),
    ("max_inflight_bytes", Value::Size),
    ("max_request_bytes", Value::Size),
    ("max_pixels", Value::Int(1, u64::MAX)),
    ("max_text", Value::Size),
    ("cors_origins", Value::Text),
    ("max_head", Value::Size),
    ("header_timeout", Value::Duration),
    ("idle_timeout", Value::Duration),
    ("min_rate", Value::Size),
    ("body_timeout", Value::Duration),
    ("write_timeout", Value::Duration),
    ("max_connections", Value::Int(1, u64::MAX)),
    ("timeout", Value::Duration),
    ("stream_timeout", Value::Duration),
    ("stall_timeout", Value::Duration),
    ("drain_delay", Value::Duration),
    ("grace", Value::Duration),
    ("metrics", Value::Bool),
    ("page", Value::Bool),
    ("log_level", Value::Levels),
    ("log_format", Value::Choice(&["human", "json"])),
    ("request_log", Value::Choice(&["off", "errors", "all"])),
];

/// Expands the attribute. `file` is the source file, if the compiler tells which one it is.
pub(crate) fn expand(arguments: TokenStream, item: TokenStream, file: Option<&str>) -> TokenStream {
    let mut errors = Errors::default();
    let options = options(arguments, &mut errors);
    let parsed = errors.keep(syn::parse2::<Item>(item.clone()));
    let engine = parsed.as_ref().and_then(|item| check_item(item, &mut errors));
    let other_main = engine.filter(|_| options.main).and_then(|engine| other_main(file?, &engine.ident));
    if let Some(fault) = other_main {
        errors.at(Span::call_site(), fault);
    }
    match engine {
        Some(engine) if errors.is_empty() => {
            let generated = generate(engine, &options);
            quote!(#item #generated)
        }
        _ => {
            // Without a `main`, the compiler would report that too.
            let is_main = matches!(&parsed, Some(Item::Fn(function)) if function.sig.ident == "main");
            let has_main = is_main || other_main.is_some();
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

/// Returns the engine's struct, or reports that the item is not one.
fn check_item<'a>(item: &'a Item, errors: &mut Errors) -> Option<&'a syn::ItemStruct> {
    const WANTED: &str = "the struct that implements `Model`";
    let (tokens, what): (&dyn ToTokens, &str) = match item {
        Item::Struct(engine) => {
            if let Some(parameter) = engine.generics.params.first() {
                let what = "a struct without generic parameters, as `#[chariot_engine]` serves one concrete type";
                errors.on(parameter, expected(what, source(parameter)));
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
        Item::Type(item) => (&item.ident, "a type alias"),
        _ => {
            errors.at(Span::call_site(), expected(WANTED, "another item"));
            return None;
        }
    };
    errors.on(tokens, expected(WANTED, what));
    None
}

/// Returns the fault of a second `main` in the source file: one of the author's, or that of another engine above this
/// one.
///
/// The compiler reports it too, but it cannot name `main = false`. Only items beside the engine's struct count, without
/// a `#[cfg]`, which can turn either off.
fn other_main(file: &str, engine: &Ident) -> Option<&'static str> {
    let is_engine = |attribute: &syn::Attribute| {
        attribute.path().segments.last().is_some_and(|segment| segment.ident == "chariot_engine")
            && !attribute.meta.to_token_stream().to_string().contains("main = false")
    };
    let has_cfg = |attributes: &[syn::Attribute]| attributes.iter().any(|attribute| attribute.path().is_ident("cfg"));
    let items = syn::parse_file(file).ok()?.items;
    let this = items.iter().position(|item| matches!(item, Item::Struct(item) if item.ident == *engine))?;
    let is_main =
        |item: &Item| matches!(item, Item::Fn(function) if function.sig.ident == "main" && !has_cfg(&function.attrs));
    if items.iter().any(is_main) {
        return Some(
            "the program has a `main` already, and `#[chariot_engine]` generates one; write \
             `#[chariot_engine(main = false)]` and run the engine from your `main` with `Engine::builder()`",
        );
    }
    let is_other =
        |item: &Item| matches!(item, Item::Struct(item) if item.attrs.iter().any(is_engine) && !has_cfg(&item.attrs));
    items[..this].iter().any(is_other).then_some(
        "another `#[chariot_engine]` above generates `main` already; write `#[chariot_engine(main = false)]` on each, \
         and serve both models from your own `main` with `Engine::builder()`",
    )
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
            errors.on(key, format!("`{key}` has no effect with `main = false`; set it with `Engine::builder()`"));
        }
    }
    options
}

fn option(key: &Key<'_>, options: &mut Options, errors: &mut Errors) -> syn::Result<()> {
    let name = key.text();
    match name.as_str() {
        "crate" => options.sdk = key.value(parse_crate)?,
        "main" => options.main = key.value(main)?,
        "name" => options.name = key.value(|input| text(&name, input, errors))?,
        "version" => options.version = key.value(|input| text(&name, input, errors))?,
        _ => {
            let Some((_, kind)) = SETTINGS.iter().find(|(setting, _)| *setting == name) else {
                let known =
                    ["name", "version", "main", "crate"].into_iter().chain(SETTINGS.iter().map(|(name, _)| *name));
                return Err(key.unknown(&known.collect::<Vec<_>>()));
            };
            let value: Expr = key.value(|input| input.parse())?;
            match kind.check(&value) {
                Some(text) => options.defaults.push((name.to_uppercase(), text)),
                None => errors.on(&value, format!("{name}: {}", expected(kind.expected(), source(&value)))),
            }
        }
    }
    if !["crate", "main"].contains(&name.as_str()) {
        options.for_main.push(key.name.clone());
    }
    Ok(())
}

fn main(input: ParseStream<'_>) -> syn::Result<bool> {
    let value: Expr = input.parse()?;
    match &value {
        Expr::Lit(ExprLit { lit: Lit::Bool(main), .. }) => Ok(main.value),
        _ => Err(fault("main", "`true` or `false`", &value)),
    }
}

fn text(key: &str, input: ParseStream<'_>, errors: &mut Errors) -> syn::Result<TokenStream> {
    let value: Expr = input.parse()?;
    match &value {
        Expr::Lit(ExprLit { lit: Lit::Str(text), .. }) => {
            if text.value().trim().is_empty() {
                errors.push(fault(key, "a non-empty string", &value));
            }
            Ok(quote!(#text))
        }
        _ => Err(fault(key, "a string in quotes", &value)),
    }
}

/// Returns the error of a value.
fn fault(key: &str, what: &str, value: &Expr) -> syn::Error {
    syn::Error::new_spanned(value, format!("{key}: {}", expected(what, source(value))))
}

impl Value {
    /// Returns the accepted values.
    fn expected(&self) -> String {
        match self {
            Value::Text => "a string in quotes".into(),
            Value::Choice(words) => format!("one of {}", quoted(words)),
            Value::Levels => {
                format!("one of {}, and then levels of targets if there are any: \"info,ort=warn\"", quoted(&LEVELS))
            }
            Value::Bool => "`true` or `false`".into(),
            Value::Device => "one of \"auto\", \"cpu\", \"cuda\", \"cuda:1\", \"metal\"".into(),
            Value::Int(least, u64::MAX) => format!("an integer of at least {least}"),
            Value::Int(least, most) => format!("an integer from {least} to {most}"),
            Value::Share => "a number from 0 to 1".into(),
            Value::Size => "a size such as \"64MiB\", or a number of bytes".into(),
            Value::Duration => "a duration such as \"5s\", or a number of seconds".into(),
        }
    }

    /// Returns the value as the text of an environment variable; `None` if it is invalid.
    fn check(&self, value: &Expr) -> Option<String> {
        let lit = match value {
            Expr::Lit(ExprLit { lit, .. }) => lit,
            // A literal that another macro passes on.
            Expr::Group(group) => return self.check(&group.expr),
            _ => return None,
        };
        match (self, lit) {
            (Value::Text | Value::Size | Value::Duration, Lit::Str(text)) => Some(text.value()),
            (Value::Levels, Lit::Str(text)) => Some(text.value()).filter(|text| are_levels(text)),
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

/// Returns a number from 0 to 1 as text.
fn share(number: f64) -> Option<String> {
    (0.0..=1.0).contains(&number).then(|| number.to_string())
}

fn is_device(text: &str) -> bool {
    let numbered = |text: &str| text.strip_prefix("cuda:").is_some_and(|number| number.parse::<usize>().is_ok());
    ["auto", "cpu", "cuda", "metal"].contains(&text) || numbered(text)
}

/// Returns `true` if a text is a level, levels of targets, or both.
fn are_levels(text: &str) -> bool {
    let is_level = |level: &str| LEVELS.contains(&level.trim().to_ascii_lowercase().as_str());
    let is_of_target =
        |part: &str| part.split_once('=').is_some_and(|(target, level)| !target.trim().is_empty() && is_level(level));
    let mut others = text.split(',').filter(|part| !is_of_target(part));
    let level = others.next();
    level.is_none_or(is_level) && others.next().is_none()
}

fn quoted(words: &[&str]) -> String {
    words.iter().map(|word| format!("{word:?}")).collect::<Vec<_>>().join(", ")
}

fn generate(engine: &syn::ItemStruct, options: &Options) -> TokenStream {
    let Options { sdk, name, version, .. } = options;
    // The struct's own span, so that a missing `impl Model` is reported on the struct's name.
    let ident = &engine.ident;
    let fields = engine.fields.iter().map(|field| check_field(field, sdk));
    if !options.main {
        let check = quote_spanned!(ident.span()=> #sdk::__private::assert_model::<#ident>());
        return quote!(const _: () = #check; #(#fields)*);
    }
    let description = doc_comment(&engine.attrs);
    let defaults = options.defaults.iter().map(|(name, value)| quote!((#name, #value)));
    quote! {
        fn main() -> ::std::process::ExitCode {
            #sdk::__private::main::<#ident>(#sdk::__private::Attribute {
                name: #name,
                version: #version,
                module: ::core::module_path!(),
                description: #description,
                defaults: &[#(#defaults),*],
            })
        }
        #(#fields)*
    }
}

/// Checks a field of the engine's struct: a type that is not `Send` and `Sync` is an error on that field, beside those
/// that the compiler reports on `impl Model`.
fn check_field(field: &syn::Field, sdk: &TokenStream) -> TokenStream {
    let ty = &field.ty;
    let mentions_self = ty.to_token_stream().into_iter().any(|token| contains_self(&token));
    if mentions_self {
        return TokenStream::new();
    }
    let cfg = field.attrs.iter().filter(|attribute| attribute.path().is_ident("cfg"));
    let name = field.ident.as_ref().map(|name| format!("{}: ", name.unraw())).unwrap_or_default();
    let what = "a type that is `Send` and `Sync`, as workers share the model";
    let advice = "keep per-worker state in `Batch::scratch`, and shared state in an `Arc` or a `Mutex`";
    let message = format!("{name}{}; {advice}", expected(what, source(ty)));
    // The span of the check is the field's type, so that the error is reported there.
    let check = quote_spanned!(ty.span()=> ::core::assert!(<#sdk::__private::Field<#ty>>::IS_SHARED, #message));
    quote! {
        #(#cfg)*
        const _: () = {
            #[allow(unused_imports)]
            use #sdk::__private::NotShared as _;
            #check
        };
    }
}

fn contains_self(token: &TokenTree) -> bool {
    match token {
        TokenTree::Ident(ident) => ident == "Self",
        TokenTree::Group(group) => group.stream().into_iter().any(|token| contains_self(&token)),
        _ => false,
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
        expand(arguments.parse().unwrap(), item.parse().unwrap(), None).to_string()
    }

    fn faults(arguments: &str) -> usize {
        let expanded = expanded(arguments, "struct A;");
        assert_eq!(expanded.matches("fn main").count(), 1, "{expanded}");
        expanded.matches("compile_error").count()
    }

    #[test]
    fn the_struct_is_kept_and_one_main_is_added() {
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
    fn values_are_checked_as_far_as_they_can_be() {
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
    fn options_of_main_are_rejected_without_one() {
        for arguments in ["main = false, port = 9000, name = \"a\"", "port = 9000, name = \"a\", main = false"] {
            let expanded = expanded(arguments, "struct A;");
            assert_eq!(expanded.matches("has no effect with `main = false`").count(), 2, "{expanded}");
            assert!(!expanded.contains("fn main"), "{expanded}");
        }
    }

    #[test]
    fn another_main_in_the_file_is_one_error_that_names_the_option() {
        let faults = |arguments: &str, file: &str| {
            let expanded = expand(arguments.parse().unwrap(), "struct A;".parse().unwrap(), Some(file)).to_string();
            (expanded.matches("main = false").count(), expanded.matches("fn main").count())
        };
        let engine = "#[chariot_engine] struct A;";
        assert_eq!(faults("", &format!("{engine} fn main() {{}}")), (1, 0));
        assert_eq!(faults("", &format!("#[sdk::chariot_engine(port = 1)] struct B; {engine}")), (1, 0));
        for file in [
            engine.to_string(),
            format!("{engine} #[chariot_engine] struct B;"),
            format!("#[chariot_engine(main = false)] struct B; {engine}"),
            format!("#[cfg(test)] fn main() {{}} {engine}"),
            format!("mod other {{ fn main() {{}} }} {engine}"),
            "fn main() {} mod inner { #[chariot_engine] struct A; }".into(),
            "not Rust".into(),
        ] {
            assert_eq!(faults("", &file), (0, 1), "{file}");
        }
        assert_eq!(faults("main = false", &format!("{engine} fn main() {{}}")), (0, 0));
    }

    #[test]
    fn each_field_is_checked() {
        let of = |item: &str| expanded("", item).matches("IS_SHARED").count();
        assert_eq!(of("struct A { a: u8, b: Rc<u8> }"), 2);
        assert_eq!(of("struct A(u8, Option<Box<Self>>);"), 1, "`Self` means nothing outside of the struct");
        assert!(expanded("", "struct A { #[cfg(test)] a: u8 }").matches("# [cfg (test)]").count() == 2);
    }

    #[test]
    fn on_another_item_there_is_one_error_and_one_main() {
        for item in ["fn main() {}", "fn infer() {}", "enum A {}", "struct A<T>(T);", "impl A {}", "const A: u8 = 1;"] {
            let expanded = expanded("", item);
            assert_eq!(expanded.matches("compile_error").count(), 1, "{item}: {expanded}");
            assert_eq!(expanded.matches("fn main").count(), 1, "{item}: {expanded}");
        }
    }
}
