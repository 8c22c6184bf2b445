//! The parts that all macros share: the path of the SDK, doc comments as text, and a collection of errors, so that all
//! faults of a declaration are reported at once.

use proc_macro2::{Span, TokenStream, TokenTree};
use quote::{ToTokens, quote};
use syn::{
    Attribute, DeriveInput, Expr, ExprLit, Lit, Meta, Path, Token, ext::IdentExt, parse::ParseStream, parse_quote,
};

/// Returns a fault as `expected X, got Y`.
pub(crate) fn expected(what: impl std::fmt::Display, got: impl std::fmt::Display) -> String {
    format!("expected {what}, got {got}")
}

/// Returns tokens as an author would write them, between backquotes, cut to 60 characters.
pub(crate) fn source(tokens: impl ToTokens) -> String {
    let mut text = tokens.into_token_stream().to_string();
    for (spaced, written) in
        [(" < ", "<"), ("< ", "<"), (" >", ">"), (" :: ", "::"), (":: ", "::"), (" ,", ","), ("* ", "*"), ("& ", "&")]
    {
        text = text.replace(spaced, written);
    }
    match text.char_indices().nth(60) {
        Some((end, _)) => format!("`{}...`", &text[..end]),
        None => format!("`{text}`"),
    }
}

/// The errors of one expansion.
#[derive(Default)]
pub(crate) struct Errors(Vec<syn::Error>);

impl Errors {
    /// Adds an error.
    pub(crate) fn push(&mut self, error: syn::Error) {
        self.0.push(error);
    }

    /// Adds an error on these tokens.
    pub(crate) fn on(&mut self, tokens: impl ToTokens, text: impl std::fmt::Display) {
        self.0.push(syn::Error::new_spanned(tokens, text));
    }

    /// Adds an error at this span.
    pub(crate) fn at(&mut self, span: Span, text: impl std::fmt::Display) {
        self.0.push(syn::Error::new(span, text));
    }

    /// Returns the value, or adds the error and returns `None`.
    pub(crate) fn keep<T>(&mut self, result: syn::Result<T>) -> Option<T> {
        result.map_err(|error| self.0.push(error)).ok()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns one `compile_error!` for each error.
    pub(crate) fn into_tokens(self) -> TokenStream {
        self.0.iter().map(syn::Error::to_compile_error).collect()
    }
}

/// Returns the default path of the SDK.
pub(crate) fn default_crate() -> TokenStream {
    quote!(::chariot_engine)
}

/// Parses the path after `crate =`, with or without quotes.
pub(crate) fn parse_crate(input: ParseStream<'_>) -> syn::Result<TokenStream> {
    if input.peek(syn::LitStr) {
        return Ok(input.parse::<syn::LitStr>()?.parse_with(Path::parse_mod_style)?.into_token_stream());
    }
    Ok(input.call(Path::parse_mod_style)?.into_token_stream())
}

/// Returns the same tokens with another span. A path is reported at the span of its first token.
pub(crate) fn respan(tokens: &TokenStream, span: Span) -> TokenStream {
    let moved = |mut token: TokenTree| {
        token.set_span(span);
        token
    };
    tokens.clone().into_iter().map(moved).collect()
}

/// Returns the declaration for a stub. The SDK's traits require `Send` and `Sync`, which a generic parameter need not
/// be: without the bound, the stub would be a second error.
pub(crate) fn for_stub(input: &DeriveInput) -> DeriveInput {
    let mut input = input.clone();
    if !input.generics.params.is_empty() {
        let bound = parse_quote!(Self: ::core::marker::Send + ::core::marker::Sync + 'static);
        input.generics.make_where_clause().predicates.push(bound);
    }
    input
}

/// The number of keys of an attribute that an error lists in full.
const MAX_LISTED: usize = 8;

/// The number of keys that an error lists of an attribute with more.
const NEAREST: usize = 5;

/// One `key = value` or `key` of an attribute.
pub(crate) struct Key<'a> {
    pub(crate) name: syn::Ident,
    pub(crate) input: ParseStream<'a>,
}

impl Key<'_> {
    /// Returns the key as text.
    pub(crate) fn text(&self) -> String {
        self.name.unraw().to_string()
    }

    /// Parses the value after `=`.
    pub(crate) fn value<T>(&self, parse: impl FnOnce(ParseStream<'_>) -> syn::Result<T>) -> syn::Result<T> {
        self.input.parse::<Token![=]>().map_err(|_| {
            let key = self.text();
            syn::Error::new(self.name.span(), format!("{key}: {}", expected(format!("`{key} = ...`"), "no value")))
        })?;
        parse(self.input)
    }

    /// Returns the error of an unknown key, with the known keys: all if they are few, else the nearest.
    pub(crate) fn unknown(&self, known: &[&str]) -> syn::Error {
        let name = self.text();
        let mut nearest: Vec<(usize, &str)> = known.iter().map(|key| (distance(&name, key), *key)).collect();
        nearest.sort();
        let hint = match nearest.first() {
            Some((distance, key)) if distance * 3 <= key.len() => format!("; did you mean `{key}`?"),
            _ => String::new(),
        };
        let listed = |keys: &[&str]| keys.iter().map(|key| format!("`{key}`")).collect::<Vec<_>>().join(", ");
        let list = if known.len() <= MAX_LISTED {
            format!("keys: {}", listed(known))
        } else {
            let keys: Vec<&str> = nearest.iter().take(NEAREST).map(|(_, key)| *key).collect();
            format!("nearest keys: {}", listed(&keys))
        };
        syn::Error::new(self.name.span(), format!("unknown key `{name}`{hint} ({list})"))
    }
}

/// Parses `key = value, key = value`. Each key can occur once, and not if it is in `seen`. After a fault, skips to the
/// next comma and goes on, so that every fault is reported.
pub(crate) fn parse_keys(
    input: ParseStream<'_>,
    seen: &mut Vec<String>,
    errors: &mut Errors,
    mut each: impl FnMut(&Key<'_>, &mut Errors) -> syn::Result<()>,
) -> syn::Result<()> {
    while !input.is_empty() {
        let key = Key { name: input.call(syn::Ident::parse_any)?, input };
        let first = !seen.contains(&key.text());
        if !first {
            errors.at(key.name.span(), format!("duplicate key `{}`", key.text()));
        }
        let parsed = if first { each(&key, errors) } else { Ok(()) };
        let whole = parsed.is_ok() && first;
        errors.keep(parsed);
        seen.push(key.text());
        if whole && !input.is_empty() && !input.peek(Token![,]) {
            errors.push(input.error("expected `,`"));
        }
        while !input.is_empty() && !input.peek(Token![,]) {
            input.parse::<TokenTree>()?;
        }
        if !input.is_empty() {
            input.parse::<Token![,]>()?;
        }
    }
    Ok(())
}

/// Parses the keys of all attributes of this name: `#[name(key = value)]`.
pub(crate) fn parse_attributes(
    attributes: &[Attribute],
    name: &str,
    errors: &mut Errors,
    mut each: impl FnMut(&Key<'_>, &mut Errors) -> syn::Result<()>,
) {
    let mut seen = vec![];
    for attribute in attributes.iter().filter(|attribute| attribute.path().is_ident(name)) {
        let parsed = match &attribute.meta {
            Meta::List(list) => {
                list.parse_args_with(|input: ParseStream<'_>| parse_keys(input, &mut seen, errors, &mut each))
            }
            other => {
                let got = source(quote!(#[#other]));
                Err(syn::Error::new_spanned(other, expected(format!("`#[{name}(...)]`"), got)))
            }
        };
        errors.keep(parsed);
    }
}

/// Returns the first paragraph of the doc comments, on one line.
pub(crate) fn help(attributes: &[Attribute]) -> String {
    let mut words: Vec<String> = vec![];
    for attribute in attributes.iter().filter(|attribute| attribute.path().is_ident("doc")) {
        let Meta::NameValue(doc) = &attribute.meta else { continue };
        let Expr::Lit(ExprLit { lit: Lit::Str(text), .. }) = &doc.value else { continue };
        for line in text.value().split('\n') {
            if line.trim().is_empty() && !words.is_empty() {
                return words.join(" ");
            }
            words.extend(line.split_whitespace().map(str::to_owned));
        }
    }
    words.join(" ")
}

/// Returns the edit distance of two names. Two swapped neighbors count as one edit.
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let mut table = vec![vec![0; b.len() + 1]; a.len() + 1];
    for i in 0..=a.len() {
        for j in 0..=b.len() {
            if i == 0 || j == 0 {
                table[i][j] = i + j;
                continue;
            }
            let changed = table[i - 1][j - 1] + usize::from(a[i - 1] != b[j - 1]);
            table[i][j] = changed.min(table[i - 1][j] + 1).min(table[i][j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                table[i][j] = table[i][j].min(table[i - 2][j - 2] + 1);
            }
        }
    }
    table[a.len()][b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn help_is_the_first_paragraph_on_one_line() {
        let field: syn::ItemStruct = syn::parse_quote! {
            /// Number of labels
            /// to report
            ///
            /// The rest is for the documentation.
            struct A;
        };
        assert_eq!(help(&field.attrs), "Number of labels to report");
    }

    #[test]
    fn an_unknown_key_has_a_hint_only_if_a_known_one_is_near() {
        let pairs = [("defualt", "default"), ("prot", "port"), ("", "abc"), ("worker", "workers"), ("abc", "xyz")];
        assert_eq!(pairs.map(|(a, b)| distance(a, b)), [1, 1, 3, 1, 3]);
        let unknown = |name: &str, known: &[&str]| {
            let parser = |input: ParseStream<'_>| {
                let key = Key { name: input.call(syn::Ident::parse_any)?, input };
                Ok(key.unknown(known).to_string())
            };
            syn::parse::Parser::parse_str(parser, name).unwrap()
        };
        let few = ["default", "range"];
        let many = ["host", "port", "timeout", "workers", "threads", "grace", "metrics", "log_level", "device"];
        let messages = [unknown("defualt", &few), unknown("colour", &few), unknown("prot", &many)];
        insta::assert_snapshot!("unknown_keys", messages.join("\n"));
    }

    #[test]
    fn tokens_are_shown_as_they_are_written() {
        for text in ["Rc<Vec<String>>", "*mut u8", "std::cell::RefCell<u8>", "\"tpu\"", "HashMap<String, usize>"] {
            let tokens: TokenStream = text.parse().unwrap();
            assert_eq!(source(tokens), format!("`{text}`"));
        }
    }
}
