//! What all macros share: the path of the SDK, doc comments as text, and errors that are collected so that all of a
//! declaration's faults are reported at once.

use proc_macro2::{Span, TokenStream, TokenTree};
use quote::{ToTokens, quote};
use syn::{
    Attribute, DeriveInput, Expr, ExprLit, Lit, Meta, Path, Token, ext::IdentExt, parse::ParseStream, parse_quote,
};

/// The errors of one expansion.
#[derive(Default)]
pub(crate) struct Errors(Vec<syn::Error>);

impl Errors {
    pub(crate) fn push(&mut self, error: syn::Error) {
        self.0.push(error);
    }

    /// An error on these tokens.
    pub(crate) fn on(&mut self, tokens: impl ToTokens, text: impl std::fmt::Display) {
        self.0.push(syn::Error::new_spanned(tokens, text));
    }

    pub(crate) fn at(&mut self, span: Span, text: impl std::fmt::Display) {
        self.0.push(syn::Error::new(span, text));
    }

    /// The value, or the error kept.
    pub(crate) fn keep<T>(&mut self, result: syn::Result<T>) -> Option<T> {
        result.map_err(|error| self.0.push(error)).ok()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// One `compile_error!` for each.
    pub(crate) fn into_tokens(self) -> TokenStream {
        self.0.iter().map(syn::Error::to_compile_error).collect()
    }
}

/// The SDK's path, where no `crate = ...` says otherwise.
pub(crate) fn default_crate() -> TokenStream {
    quote!(::chariot_engine)
}

/// The path after `crate =`: bare, or in a string.
pub(crate) fn parse_crate(input: ParseStream<'_>) -> syn::Result<TokenStream> {
    if input.peek(syn::LitStr) {
        return Ok(input.parse::<syn::LitStr>()?.parse_with(Path::parse_mod_style)?.into_token_stream());
    }
    Ok(input.call(Path::parse_mod_style)?.into_token_stream())
}

/// The same tokens, reported at `span`: a path is where its first token is.
pub(crate) fn respan(tokens: &TokenStream, span: Span) -> TokenStream {
    let moved = |mut token: TokenTree| {
        token.set_span(span);
        token
    };
    tokens.clone().into_iter().map(moved).collect()
}

/// The declaration that a stub is made for. The SDK's traits ask for `Send` and `Sync`, which a parameter need not be:
/// without saying so the stub would be a second error.
pub(crate) fn for_stub(input: &DeriveInput) -> DeriveInput {
    let mut input = input.clone();
    if !input.generics.params.is_empty() {
        let bound = parse_quote!(Self: ::core::marker::Send + ::core::marker::Sync + 'static);
        input.generics.make_where_clause().predicates.push(bound);
    }
    input
}

/// One `key = value` or `key` of an attribute's list.
pub(crate) struct Key<'a> {
    pub(crate) name: syn::Ident,
    pub(crate) input: ParseStream<'a>,
}

impl Key<'_> {
    /// The text of the key.
    pub(crate) fn text(&self) -> String {
        self.name.unraw().to_string()
    }

    /// Parses the value after `=`.
    pub(crate) fn value<T>(&self, parse: impl FnOnce(ParseStream<'_>) -> syn::Result<T>) -> syn::Result<T> {
        self.input.parse::<Token![=]>().map_err(|_| {
            syn::Error::new(self.name.span(), format!("`{}` needs a value: `{} = ...`", self.text(), self.text()))
        })?;
        parse(self.input)
    }

    /// What is wrong with a key that nobody knows.
    pub(crate) fn unknown(&self, known: &[&str]) -> syn::Error {
        let name = self.text();
        let listed = known.iter().map(|key| format!("`{key}`")).collect::<Vec<_>>().join(", ");
        let nearest = known.iter().map(|key| (distance(&name, key), key)).min();
        let hint = match nearest {
            Some((distance, key)) if distance * 3 <= key.len() => format!("; did you mean `{key}`?"),
            _ => String::new(),
        };
        let list =
            if known.len() == 1 { format!("the only key is {listed}") } else { format!("the keys are {listed}") };
        syn::Error::new(self.name.span(), format!("unknown key `{name}`{hint} ({list})"))
    }
}

/// Parses `key = value, key = value`, each key once, those `seen` earlier included. After a fault the rest up to the
/// next comma is skipped and parsing goes on, so that each fault is reported.
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
            errors.at(key.name.span(), format!("`{}` is given twice", key.text()));
        }
        let parsed = if first { each(&key, errors) } else { Ok(()) };
        let whole = parsed.is_ok() && first;
        errors.keep(parsed);
        seen.push(key.text());
        if whole && !input.is_empty() && !input.peek(Token![,]) {
            errors.push(input.error("a comma is expected"));
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

/// Parses the lists of all attributes of this name: `#[name(key = value)]`.
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
            other => Err(syn::Error::new_spanned(other, format!("write it as a list: `#[{name}(...)]`"))),
        };
        errors.keep(parsed);
    }
}

/// The first paragraph of the doc comments, on one line.
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

/// How many single changes lie between two names; two neighbours that have changed places are one.
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
            /// How many labels
            /// to report
            ///
            /// More of this in the handbook.
            struct A;
        };
        assert_eq!(help(&field.attrs), "How many labels to report");
    }

    #[test]
    fn the_nearest_key_is_hinted_at_only_if_it_is_near() {
        let pairs = [("defualt", "default"), ("prot", "port"), ("", "abc"), ("worker", "workers"), ("abc", "xyz")];
        assert_eq!(pairs.map(|(a, b)| distance(a, b)), [1, 1, 3, 1, 3]);
        let unknown = |name: &str| {
            let parser = |input: ParseStream<'_>| {
                let key = Key { name: input.call(syn::Ident::parse_any)?, input };
                Ok(key.unknown(&["default", "range"]).to_string())
            };
            syn::parse::Parser::parse_str(parser, name).unwrap()
        };
        assert_eq!(
            unknown("defualt"),
            "unknown key `defualt`; did you mean `default`? (the keys are `default`, `range`)"
        );
        assert_eq!(unknown("colour"), "unknown key `colour` (the keys are `default`, `range`)");
    }
}
