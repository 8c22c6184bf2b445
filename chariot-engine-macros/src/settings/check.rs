//! The checks of a field's attributes that need no types: contradicting literals, and keys that exclude each other.

use syn::{Expr, ExprLit, ExprUnary, Lit, Type, UnOp, ext::IdentExt};

use super::field::{FieldOptions, text, written};
use crate::shared::Errors;

pub(super) fn check(ty: &Type, found: &FieldOptions, errors: &mut Errors) {
    if found.group.is_some() {
        check_group(found, errors);
        return;
    }
    if let Some(FieldRange { from: Some(from), to: Some(to) }) = found.range.as_ref().map(FieldRange::of)
        && from > to
    {
        errors.on(&found.range, "the range is empty");
    }
    check_values(found, errors);
    let Some(default) = &found.default else { return };
    if is_option(ty) && matches!(default, Expr::Lit(_) | Expr::Unary(_)) {
        errors.on(default, "an `Option` already defaults to `None`; remove the default or the `Option`");
    }
    if let Some((value, range)) = number(default).zip(found.range.as_ref()) {
        let FieldRange { from, to } = FieldRange::of(range);
        if from.is_some_and(|from| value < from) || to.is_some_and(|to| value > to) {
            errors.on(default, format!("the default is outside the range `{}`", written(range)));
        }
    }
    if let Some((values, default)) = found.values.as_ref().zip(Literal::of(default)) {
        let literals: Option<Vec<_>> = values.elems.iter().map(Literal::of).collect();
        if literals.is_some_and(|literals| !literals.contains(&default)) {
            errors.on(&found.default, format!("the default is not in the list of values `{}`", listed(values)));
        }
    }
}

/// Checks that a group has no other attributes, which belong to its settings.
fn check_group(found: &FieldOptions, errors: &mut Errors) {
    for key in found.keys.iter().filter(|key| **key != "group") {
        let key_text = key.unraw();
        errors.on(key, format!("`{key_text}` does not apply to a group; set it on the group's fields"));
    }
}

fn check_values(found: &FieldOptions, errors: &mut Errors) {
    let Some(values) = &found.values else { return };
    if let Some(range) = &found.range {
        errors.on(range, "`range` and `values` exclude each other");
    }
    let texts = values.elems.iter().filter(|value| text(value).is_some()).count();
    let mut seen: Vec<Literal> = vec![];
    for value in &values.elems {
        if texts > 0 && text(value).is_none() {
            errors.on(value, "expected only strings or only other values in the list");
        }
        let Some(literal) = Literal::of(value) else { continue };
        if seen.contains(&literal) {
            errors.on(value, "this value is already in the list");
        }
        seen.push(literal);
    }
}

fn listed(values: &syn::ExprArray) -> String {
    values.elems.iter().map(written).collect::<Vec<_>>().join(", ")
}

/// The value of a literal.
#[derive(PartialEq)]
enum Literal {
    Number(f64),
    Text(String),
}

impl Literal {
    fn of(expr: &Expr) -> Option<Self> {
        number(expr).map(Literal::Number).or_else(|| text(expr).map(|text| Literal::Text(text.value())))
    }
}

struct FieldRange {
    from: Option<f64>,
    to: Option<f64>,
}

impl FieldRange {
    fn of(range: &syn::ExprRange) -> Self {
        let end = |end: &Option<Box<Expr>>| end.as_deref().and_then(number);
        FieldRange { from: end(&range.start), to: end(&range.end) }
    }
}

/// Returns a literal's number. Integers beyond 2^53 lose their last digits, which does not matter to the checks here.
fn number(expr: &Expr) -> Option<f64> {
    match expr {
        Expr::Lit(ExprLit { lit: Lit::Int(int), .. }) => int.base10_parse().ok(),
        Expr::Lit(ExprLit { lit: Lit::Float(float), .. }) => float.base10_parse().ok(),
        Expr::Unary(ExprUnary { op: UnOp::Neg(_), expr, .. }) => number(expr).map(|value| -value),
        _ => None,
    }
}

fn is_option(ty: &Type) -> bool {
    let Type::Path(path) = ty else { return false };
    path.path.segments.last().is_some_and(|last| last.ident == "Option" && !last.arguments.is_empty())
}
