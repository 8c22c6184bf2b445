//! The declaration of one field of a struct of tensors: name, datatype and shape.

use proc_macro2::TokenStream;
use quote::ToTokens;
use syn::{
    Expr, Ident, LitInt, LitStr, Path, Token, Type, braced, bracketed,
    ext::IdentExt,
    parenthesized,
    parse::{ParseStream, Parser},
    token,
};

use crate::shared::{Errors, help, parse_attributes};

/// One field, as declared by its type and its attribute.
pub(super) struct Tensor {
    pub(super) ident: Ident,
    pub(super) ty: Type,
    pub(super) name: String,
    pub(super) help: String,
    pub(super) datatype: Option<Ident>,
    pub(super) shape: Vec<Dim>,
    pub(super) convert: bool,
}

/// One dimension of a shape.
pub(super) enum Dim {
    Batch(Ident),
    Fixed(TokenStream),
    Any,
}

impl Tensor {
    /// Returns `true` if the first dimension is the batch dimension.
    pub(super) fn has_rows(&self) -> bool {
        matches!(self.shape.first(), Some(Dim::Batch(_)))
    }
}

/// The datatypes of the protocol, with the variants of `DataType`.
const DATATYPES: [(&str, &str); 14] = [
    ("BOOL", "Bool"),
    ("UINT8", "Uint8"),
    ("UINT16", "Uint16"),
    ("UINT32", "Uint32"),
    ("UINT64", "Uint64"),
    ("INT8", "Int8"),
    ("INT16", "Int16"),
    ("INT32", "Int32"),
    ("INT64", "Int64"),
    ("FP16", "Fp16"),
    ("BF16", "Bf16"),
    ("FP32", "Fp32"),
    ("FP64", "Fp64"),
    ("BYTES", "Bytes"),
];

/// Parses the declaration of a field.
pub(super) fn tensor(field: &syn::Field, errors: &mut Errors) -> Option<Tensor> {
    let ident = field.ident.clone()?;
    let (mut name, mut datatype, mut convert) = (ident.unraw().to_string(), None, false);
    // An invalid shape has an error of its own, so it is not reported as missing.
    let mut shape = None;
    parse_attributes(&field.attrs, "tensor", errors, |key, errors| {
        match key.text().as_str() {
            "shape" => {
                shape = Some(vec![]);
                shape = Some(key.value(|input| parse_shape(input, errors))?);
            }
            "name" => {
                let text: LitStr = key.value(|input| input.parse())?;
                name = text.value();
                if name.is_empty() {
                    errors.on(text, "expected a name, got an empty string");
                }
            }
            "datatype" => {
                let text: LitStr = key.value(|input| input.parse())?;
                let found = DATATYPES.iter().find(|(wire, _)| *wire == text.value());
                let names = DATATYPES.map(|(wire, _)| wire).join(", ");
                match found {
                    Some((_, variant)) => datatype = Some(Ident::new(variant, text.span())),
                    None => errors.on(text, format!("expected one of {names}")),
                }
            }
            "convert" => convert = true,
            _ => return Err(key.unknown(&["shape", "name", "datatype", "convert"])),
        }
        Ok(())
    });
    let Some(shape) = shape else {
        let text = "missing shape: add `#[tensor(shape = [n, 4])]`, where `n` is the number of rows, a number is a fixed \
                    length, and `_` is any length";
        errors.on(&ident, text);
        return None;
    };
    Some(Tensor { ty: field.ty.clone(), help: help(&field.attrs), ident, name, datatype, shape, convert })
}

/// Parses a shape such as `[n, 4, _, {WIDTH}]`.
fn parse_shape(input: ParseStream<'_>, errors: &mut Errors) -> syn::Result<Vec<Dim>> {
    if !input.peek(token::Bracket) {
        return Err(input.error("expected a shape such as `[n, 4]`"));
    }
    let content;
    bracketed!(content in input);
    // Parsed as a whole: tokens that a fault leaves unparsed would be reported as a second fault.
    let (content, mut dims): (TokenStream, _) = (content.parse()?, vec![]);
    let parser = |input: ParseStream<'_>| {
        while !input.is_empty() {
            dims.push(parse_dim(input, dims.is_empty(), errors)?);
            if !input.is_empty() {
                input.parse::<Token![,]>()?;
            }
        }
        Ok(())
    };
    Parser::parse2(parser, content)?;
    Ok(dims)
}

/// Parses one dimension of a shape.
fn parse_dim(input: ParseStream<'_>, first: bool, errors: &mut Errors) -> syn::Result<Dim> {
    if input.peek(Token![_]) {
        input.parse::<Token![_]>()?;
        return Ok(Dim::Any);
    }
    if input.peek(LitInt) {
        let length: LitInt = input.parse()?;
        if length.base10_digits().starts_with('-') {
            errors.on(&length, "write `_` for a dimension of any length");
        } else if !matches!(length.base10_parse::<usize>(), Ok(1..)) {
            errors.on(&length, "expected a length of at least 1");
        }
        return Ok(Dim::Fixed(length.into_token_stream()));
    }
    if input.peek(token::Brace) || input.peek(token::Paren) {
        let content;
        if input.peek(token::Brace) {
            braced!(content in input);
        } else {
            parenthesized!(content in input);
        }
        let length: Expr = content.parse()?;
        if !content.is_empty() {
            return Err(content.error("expected one constant"));
        }
        return Ok(Dim::Fixed(length.into_token_stream()));
    }
    let path: Path = input.call(Path::parse_mod_style).map_err(|error| {
        let text = "expected a number, `_` for any length, a name for the rows, or a constant in braces";
        syn::Error::new(error.span(), text)
    })?;
    let Some(name) = path.get_ident() else { return Ok(Dim::Fixed(path.into_token_stream())) };
    if name.to_string().contains(|letter: char| letter.is_uppercase()) {
        errors.on(name, format!("write a constant in braces: `{{{name}}}`; write the name of the rows in lower case"));
    } else if !first {
        errors.on(name, "only the first dimension can be the rows; write `_` for another dimension of any length");
    }
    Ok(Dim::Batch(name.clone()))
}

/// Checks what depends on all fields: that names are unique, and that all tensors name the rows alike.
pub(super) fn check_together(tensors: &[Tensor], errors: &mut Errors) {
    let mut rows: Option<&Ident> = None;
    for (i, tensor) in tensors.iter().enumerate() {
        if tensors[..i].iter().any(|earlier| earlier.name == tensor.name) {
            errors.on(&tensor.ident, format!("two tensors are named `{}`", tensor.name));
        }
        let Some(Dim::Batch(name)) = tensor.shape.first() else { continue };
        match rows {
            Some(other) if other != name => {
                errors.on(
                    name,
                    format!(
                        "expected `{other}`, the name of the rows above, because all tensors of a struct share them"
                    ),
                );
            }
            _ => rows = Some(name),
        }
    }
}
