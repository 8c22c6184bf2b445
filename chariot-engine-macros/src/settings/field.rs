//! The attributes of a field of a settings struct: `#[setting(...)]`.

use quote::ToTokens;
use syn::{Expr, ExprArray, Ident, Lit, LitStr, RangeLimits, Token, bracketed, parse::ParseStream, token};

use crate::shared::{Errors, Key, parse_attributes};

const KEYS: [&str; 8] = ["default", "range", "values", "name", "alias", "deprecated", "with", "group"];

/// The attributes of a field.
#[derive(Default)]
pub(super) struct FieldOptions {
    pub(super) default: Option<Expr>,
    pub(super) range: Option<syn::ExprRange>,
    pub(super) values: Option<ExprArray>,
    pub(super) name: Option<LitStr>,
    pub(super) aliases: Vec<LitStr>,
    pub(super) deprecated: Option<LitStr>,
    pub(super) with: Option<syn::Path>,
    pub(super) group: Option<Group>,
    /// The facts about one of the runtime's settings, in the SDK's own struct.
    pub(super) runtime: Option<Expr>,
    /// The keys, as they were written.
    pub(super) keys: Vec<Ident>,
}

/// The prefix of a field that is a group of settings.
pub(super) enum Group {
    /// A group whose names start with the field's name.
    ByField,
    /// A group whose names start with this prefix.
    Prefix(LitStr),
}

pub(super) fn field_options(field: &syn::Field, is_runtime: bool, errors: &mut Errors) -> FieldOptions {
    let mut found = FieldOptions::default();
    parse_attributes(&field.attrs, "setting", errors, |key, errors| {
        found.keys.push(key.name.clone());
        match key.text().as_str() {
            "default" => found.default = Some(key.value(|input| input.parse())?),
            "range" => match key.value(|input| input.parse::<Expr>())? {
                Expr::Range(range) if is_closed(&range) => found.range = Some(range),
                other => errors.on(other, "expected a range with both ends included: `1..=10`, `1..` or `..=10`"),
            },
            "values" => match key.value(|input| input.parse::<Expr>())? {
                Expr::Array(list) if list.elems.is_empty() => errors.on(list, "expected at least one value"),
                Expr::Array(list) => found.values = Some(list),
                other => errors.on(other, "expected a list: `values = [1, 2, 4]` or `values = [\"de\", \"en\"]`"),
            },
            "name" => found.name = Some(variable(key.value(|input| input.parse())?, errors)),
            "alias" => {
                for alias in key.value(aliases)? {
                    found.aliases.push(variable(alias, errors));
                }
            }
            "deprecated" => {
                let why: LitStr = key.value(|input| input.parse())?;
                if why.value().trim().is_empty() {
                    errors.on(&why, "expected the reason, and what to do instead");
                }
                found.deprecated = Some(why);
            }
            "with" => found.with = Some(key.value(|input| input.parse())?),
            "secret" => {
                let text = "`secret` is not a key; use the type `Secret` for the field";
                errors.at(key.name.span(), text);
            }
            "group" => found.group = Some(group(key, errors)?),
            "runtime" if is_runtime => found.runtime = Some(key.value(|input| input.parse())?),
            _ => return Err(key.unknown(&KEYS)),
        }
        Ok(())
    });
    found
}

fn group(key: &Key<'_>, errors: &mut Errors) -> syn::Result<Group> {
    if !key.input.peek(Token![=]) {
        return Ok(Group::ByField);
    }
    let prefix: LitStr = key.value(|input| input.parse())?;
    if !prefix.value().is_empty() && !is_variable(&prefix.value()) {
        let text = "expected a prefix of letters, digits and `_` that does not start with a digit, or \"\"";
        errors.on(&prefix, text);
    }
    Ok(Group::Prefix(prefix))
}

/// Parses `"OLD"` or `["OLD", "OLDER"]`.
fn aliases(input: ParseStream<'_>) -> syn::Result<Vec<LitStr>> {
    if !input.peek(token::Bracket) {
        return Ok(vec![input.parse()?]);
    }
    let content;
    bracketed!(content in input);
    Ok(content.parse_terminated(<LitStr as syn::parse::Parse>::parse, Token![,])?.into_iter().collect())
}

fn variable(name: LitStr, errors: &mut Errors) -> LitStr {
    if !is_variable(&name.value()) {
        errors.on(&name, "expected a variable of letters, digits and `_` that does not start with a digit");
    }
    name
}

pub(super) fn is_variable(name: &str) -> bool {
    name.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_')
        && name.chars().all(|character| character.is_ascii_alphanumeric() || character == '_')
}

fn is_closed(range: &syn::ExprRange) -> bool {
    match (&range.limits, &range.start, &range.end) {
        (RangeLimits::Closed(_), _, Some(_)) => true,
        (RangeLimits::HalfOpen(_), start, None) => start.is_some(),
        _ => false,
    }
}

/// Returns the text of a string literal.
pub(super) fn text(expr: &Expr) -> Option<&LitStr> {
    match expr {
        Expr::Lit(syn::ExprLit { lit: Lit::Str(text), .. }) => Some(text),
        _ => None,
    }
}

/// Returns an expression without spaces, as it is usually written.
pub(super) fn written(tokens: impl ToTokens) -> String {
    tokens.to_token_stream().to_string().replace(' ', "")
}
