//! What a field of a struct of tensors declares: name, data type and shape.

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

/// One field, as its type and its attribute declare it.
pub(super) struct Tensor {
    pub(super) ident: Ident,
    pub(super) ty: Type,
    pub(super) name: String,
    pub(super) help: String,
    pub(super) datatype: Option<Ident>,
    pub(super) shape: Vec<Dim>,
    pub(super) convert: bool,
}

pub(super) enum Dim {
    Batch(Ident),
    Fixed(TokenStream),
    Any,
}

impl Tensor {
    pub(super) fn has_rows(&self) -> bool {
        matches!(self.shape.first(), Some(Dim::Batch(_)))
    }
}

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

pub(super) fn tensor(field: &syn::Field, errors: &mut Errors) -> Option<Tensor> {
    let ident = field.ident.clone()?;
    let (mut name, mut datatype, mut convert) = (ident.unraw().to_string(), None, false);
    // A shape that was given but is wrong has its own error.
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
                    errors.on(text, "a tensor needs a name");
                }
            }
            "datatype" => {
                let text: LitStr = key.value(|input| input.parse())?;
                let found = DATATYPES.iter().find(|(wire, _)| *wire == text.value());
                let names = DATATYPES.map(|(wire, _)| wire).join(", ");
                match found {
                    Some((_, variant)) => datatype = Some(Ident::new(variant, text.span())),
                    None => errors.on(text, format!("one of {names} is expected")),
                }
            }
            "convert" => convert = true,
            _ => return Err(key.unknown(&["shape", "name", "datatype", "convert"])),
        }
        Ok(())
    });
    let Some(shape) = shape else {
        let text =
            "say its shape: `#[tensor(shape = [n, 4])]`, where `n` are the rows, a number is fixed and `_` varies";
        errors.on(&ident, text);
        return None;
    };
    Some(Tensor { ty: field.ty.clone(), help: help(&field.attrs), ident, name, datatype, shape, convert })
}

/// `[n, 4, _, {WIDTH}]`.
fn parse_shape(input: ParseStream<'_>, errors: &mut Errors) -> syn::Result<Vec<Dim>> {
    if !input.peek(token::Bracket) {
        return Err(input.error("a shape is expected, such as `[n, 4]`"));
    }
    let content;
    bracketed!(content in input);
    // Taken out whole: what a fault leaves unparsed would be a second fault.
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

fn parse_dim(input: ParseStream<'_>, first: bool, errors: &mut Errors) -> syn::Result<Dim> {
    if input.peek(Token![_]) {
        input.parse::<Token![_]>()?;
        return Ok(Dim::Any);
    }
    if input.peek(LitInt) {
        let length: LitInt = input.parse()?;
        if length.base10_digits().starts_with('-') {
            errors.on(&length, "a dimension that varies is written `_`");
        } else if !matches!(length.base10_parse::<usize>(), Ok(1..)) {
            errors.on(&length, "a dimension is at least 1 long");
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
            return Err(content.error("one constant is expected"));
        }
        return Ok(Dim::Fixed(length.into_token_stream()));
    }
    let path: Path = input.call(Path::parse_mod_style).map_err(|error| {
        let text = "a dimension is a number, `_` for what varies, a name for the rows, or a constant in braces";
        syn::Error::new(error.span(), text)
    })?;
    let Some(name) = path.get_ident() else { return Ok(Dim::Fixed(path.into_token_stream())) };
    if name.to_string().contains(|letter: char| letter.is_uppercase()) {
        errors.on(name, format!("a constant stands in braces: `{{{name}}}`; a name for the rows is in lower case"));
    } else if !first {
        errors.on(name, "only the first dimension can be the rows: write `_` for another one that varies");
    }
    Ok(Dim::Batch(name.clone()))
}

/// What can only be seen of all fields together.
pub(super) fn check_together(tensors: &[Tensor], errors: &mut Errors) {
    let mut rows: Option<&Ident> = None;
    for (i, tensor) in tensors.iter().enumerate() {
        if tensors[..i].iter().any(|earlier| earlier.name == tensor.name) {
            errors.on(&tensor.ident, format!("two tensors are named `{}`", tensor.name));
        }
        let Some(Dim::Batch(name)) = tensor.shape.first() else { continue };
        match rows {
            Some(other) if other != name => {
                errors.on(name, format!("the rows are `{other}` above: all tensors of a struct share their rows"));
            }
            _ => rows = Some(name),
        }
    }
}
