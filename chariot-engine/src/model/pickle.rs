//! A reader of Python's pickles that runs nothing: calls are kept as values with the name of the function. `pth` finds
//! the tensors of PyTorch's files in them.

use std::collections::HashMap;

use crate::error::quoted;

/// The maximum number of values in a pickle. The largest models have some ten thousand.
const MAX_VALUES: usize = 4_000_000;

/// The maximum number of names of classes and functions in a pickle, and the maximum of their bytes. Real ones have some
/// ten, because each is named once and then recalled.
const MAX_GLOBALS: usize = 10_000;
const MAX_GLOBAL: usize = 512;

/// The place of a value in its [`Pickle`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Id(u32);

/// A value of a pickle.
#[derive(Debug, PartialEq)]
pub(super) enum Value {
    None,
    Bool(bool),
    Int(i64),
    Float,
    /// An integer of more than 64 bits, little-endian.
    Long(Vec<u8>),
    Bytes,
    Text(String),
    Tuple(Vec<Id>),
    List(Vec<Id>),
    Dict(Vec<(Id, Id)>),
    Set,
    /// The name of a class or of a function, with its module.
    Global(String),
    /// A call that is never made: its function and its tuple of arguments.
    Call(Id, Id),
    /// The description of data outside the pickle.
    Persistent(Id),
}

/// The values of a pickle. They refer to each other by place, so that no depth of nesting takes stack.
#[derive(Debug)]
pub(super) struct Pickle {
    values: Vec<Value>,
    root: Id,
    /// The number of bytes of the pickle.
    pub(super) length: usize,
}

impl Pickle {
    /// Reads the pickle at the start of `bytes`, in any protocol. What follows it is left alone.
    ///
    /// # Errors
    /// Returns an error with the offset if the bytes end early, if an opcode is unknown, or if there are too many values.
    pub(super) fn read(bytes: &[u8]) -> Result<Self, String> {
        let mut machine =
            Machine { bytes, at: 0, values: vec![], stack: vec![], marks: vec![], memo: HashMap::new(), globals: 0 };
        loop {
            let at = machine.at;
            match machine.step() {
                Ok(None) => {}
                Ok(Some(root)) => return Ok(Pickle { values: machine.values, root, length: machine.at }),
                Err(fault) => return Err(format!("byte {at} of the pickle: {fault}")),
            }
        }
    }

    /// Returns the descriptions of all data outside the pickle.
    pub(super) fn persistent(&self) -> impl Iterator<Item = Id> {
        self.values.iter().filter_map(|value| match value {
            Value::Persistent(description) => Some(*description),
            _ => None,
        })
    }

    /// Returns the value that the pickle is of.
    pub(super) fn root(&self) -> Id {
        self.root
    }

    /// Returns a value.
    pub(super) fn value(&self, id: Id) -> &Value {
        &self.values[id.0 as usize]
    }

    /// Returns a text.
    pub(super) fn text(&self, id: Id) -> Option<&str> {
        match self.value(id) {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    /// Returns an integer of at least 0.
    pub(super) fn count(&self, id: Id) -> Option<usize> {
        match self.value(id) {
            Value::Int(number) => usize::try_from(*number).ok(),
            _ => None,
        }
    }

    /// Returns the elements of a tuple.
    pub(super) fn tuple(&self, id: Id) -> Option<&[Id]> {
        match self.value(id) {
            Value::Tuple(values) => Some(values),
            _ => None,
        }
    }

    /// Returns the name of a class or of a function.
    pub(super) fn global(&self, id: Id) -> Option<&str> {
        match self.value(id) {
            Value::Global(name) => Some(name),
            _ => None,
        }
    }

    /// Returns the name of the function of a call, and its arguments.
    pub(super) fn call(&self, id: Id) -> Option<(&str, &[Id])> {
        match self.value(id) {
            Value::Call(function, arguments) => Some((self.global(*function)?, self.tuple(*arguments)?)),
            _ => None,
        }
    }

    /// Returns what a value is, as a message shows it.
    pub(super) fn kind(&self, id: Id) -> String {
        match self.value(id) {
            Value::None => "None".into(),
            Value::Bool(_) => "a boolean".into(),
            Value::Int(_) | Value::Long(_) => "an integer".into(),
            Value::Float => "a number".into(),
            Value::Bytes => "bytes".into(),
            Value::Text(_) => "a string".into(),
            Value::Tuple(_) => "a tuple".into(),
            Value::List(_) => "a list".into(),
            Value::Dict(_) => "a dictionary".into(),
            Value::Set => "a set".into(),
            Value::Global(name) => format!("the class {}", quoted(name)),
            Value::Call(function, _) => match self.global(*function) {
                Some(name) => format!("an object of {}", quoted(name)),
                None => "an object of an unknown class".into(),
            },
            Value::Persistent(_) => "data without a shape".into(),
        }
    }
}

/// The stack machine that a pickle is a program of.
struct Machine<'a> {
    bytes: &'a [u8],
    at: usize,
    values: Vec<Value>,
    stack: Vec<Id>,
    /// The heights of the stack at each mark.
    marks: Vec<usize>,
    memo: HashMap<u32, Id>,
    /// The number of classes and functions so far.
    globals: usize,
}

impl<'a> Machine<'a> {
    fn take(&mut self, count: usize) -> Result<&'a [u8], String> {
        let end = self.at.checked_add(count).filter(|end| *end <= self.bytes.len());
        let end = end.ok_or_else(|| format!("expected {count} more bytes, got the end of the data"))?;
        let taken = &self.bytes[self.at..end];
        self.at = end;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], String> {
        let mut array = [0; N];
        array.copy_from_slice(self.take(N)?);
        Ok(array)
    }

    fn byte(&mut self) -> Result<usize, String> {
        Ok(usize::from(self.array::<1>()?[0]))
    }

    fn u32(&mut self) -> Result<usize, String> {
        Ok(u32::from_le_bytes(self.array()?) as usize)
    }

    fn u64(&mut self) -> Result<usize, String> {
        usize::try_from(u64::from_le_bytes(self.array()?)).map_err(|error| error.to_string())
    }

    fn line(&mut self) -> Result<String, String> {
        let rest = &self.bytes[self.at..];
        let length = rest.iter().position(|byte| *byte == b'\n').ok_or("expected a line, got the end of the data")?;
        let line = self.take(length + 1)?;
        Ok(String::from_utf8_lossy(&line[..length]).into_owned())
    }

    fn push(&mut self, value: Value) -> Result<(), String> {
        if self.values.len() == MAX_VALUES {
            return Err(format!("expected at most {MAX_VALUES} values, got more"));
        }
        self.stack.push(Id(self.values.len() as u32));
        self.values.push(value);
        Ok(())
    }

    fn text(&mut self, length: usize) -> Result<(), String> {
        let text = String::from_utf8_lossy(self.take(length)?).into_owned();
        self.push(Value::Text(text))
    }

    fn bytes(&mut self, length: usize) -> Result<(), String> {
        self.take(length)?;
        self.push(Value::Bytes)
    }

    fn long(&mut self, length: usize) -> Result<(), String> {
        let bytes = self.take(length)?;
        if length > 8 {
            return self.push(Value::Long(bytes.to_vec()));
        }
        let sign = if bytes.last().is_some_and(|last| last & 0x80 != 0) { 0xff } else { 0 };
        let mut whole = [sign; 8];
        whole[..length].copy_from_slice(bytes);
        self.push(Value::Int(i64::from_le_bytes(whole)))
    }

    fn global(&mut self, module: &str, name: &str) -> Result<(), String> {
        if self.globals == MAX_GLOBALS || module.len().saturating_add(name.len()) > MAX_GLOBAL {
            return Err(format!("expected at most {MAX_GLOBALS} classes with names of {MAX_GLOBAL} bytes, got more"));
        }
        self.globals += 1;
        self.push(Value::Global(format!("{module}.{name}")))
    }

    /// Takes a value from the stack, but none from below the last mark.
    fn pop(&mut self) -> Result<Id, String> {
        let floor = self.marks.last().copied().unwrap_or(0);
        if self.stack.len() <= floor {
            return Err("expected a value on the stack, got none".into());
        }
        self.stack.pop().ok_or_else(|| "expected a value on the stack, got none".into())
    }

    fn top(&self) -> Result<Id, String> {
        self.stack.last().copied().ok_or_else(|| "expected a value on the stack, got none".into())
    }

    fn since_mark(&mut self) -> Result<Vec<Id>, String> {
        let mark = self.marks.pop().ok_or("expected a mark on the stack, got none")?;
        Ok(self.stack.split_off(mark))
    }

    fn tuple(&mut self, count: usize) -> Result<(), String> {
        let mut values = (0..count).map(|_| self.pop()).collect::<Result<Vec<_>, _>>()?;
        values.reverse();
        self.push(Value::Tuple(values))
    }

    fn append(&mut self, added: Vec<Id>) -> Result<(), String> {
        let list = self.top()?;
        match &mut self.values[list.0 as usize] {
            Value::List(values) => values.extend(added),
            // The extension of an object that is never made.
            Value::Call(..) | Value::Set => {}
            _ => return Err("expected a list to append to, got another value".into()),
        }
        Ok(())
    }

    fn insert(&mut self, added: Vec<Id>) -> Result<(), String> {
        let dict = self.top()?;
        let (pairs, []) = added.as_chunks::<2>() else {
            return Err("expected a value for each key, got a key without one".into());
        };
        match &mut self.values[dict.0 as usize] {
            Value::Dict(entries) => entries.extend(pairs.iter().map(|[key, value]| (*key, *value))),
            Value::Call(..) => {}
            _ => return Err("expected a dictionary to add to, got another value".into()),
        }
        Ok(())
    }

    fn memoize(&mut self, key: usize) -> Result<(), String> {
        let value = self.top()?;
        self.memo.insert(key as u32, value);
        Ok(())
    }

    fn recall(&mut self, key: usize) -> Result<(), String> {
        let value = *self.memo.get(&(key as u32)).ok_or_else(|| format!("expected a value in memo {key}, got none"))?;
        self.stack.push(value);
        Ok(())
    }

    /// Keeps a call as a value. Only dictionaries are made: they are what tensors are found in.
    fn call(&mut self) -> Result<(), String> {
        let (arguments, function) = (self.pop()?, self.pop()?);
        let name = match &self.values[function.0 as usize] {
            Value::Global(name) => name.as_str(),
            _ => "",
        };
        if !matches!(name, "collections.OrderedDict" | "collections.defaultdict") {
            return self.push(Value::Call(function, arguments));
        }
        let first = match &self.values[arguments.0 as usize] {
            Value::Tuple(values) => values.first().copied(),
            _ => None,
        };
        // Python 2 passes the entries as a list of pairs. The list is moved, so that no pickle multiplies it.
        let pairs = match first.map(|list| &mut self.values[list.0 as usize]) {
            Some(Value::List(pairs)) => std::mem::take(pairs),
            _ => vec![],
        };
        let mut entries = Vec::with_capacity(pairs.len());
        for pair in pairs {
            match &self.values[pair.0 as usize] {
                Value::Tuple(pair) | Value::List(pair) if pair.len() == 2 => entries.push((pair[0], pair[1])),
                _ => return Err("expected pairs of keys and values, got another value".into()),
            }
        }
        self.push(Value::Dict(entries))
    }

    /// Runs one opcode. Returns the value of the pickle at its end.
    fn step(&mut self) -> Result<Option<Id>, String> {
        let opcode = self.array::<1>()?[0];
        match opcode {
            b'.' => return Ok(Some(self.pop()?)),
            0x80 => drop(self.byte()?),
            0x95 => drop(self.u64()?),
            b'(' => self.marks.push(self.stack.len()),
            b'0' => drop(self.pop()?),
            b'1' => drop(self.since_mark()?),
            b'N' => self.push(Value::None)?,
            0x88 => self.push(Value::Bool(true))?,
            0x89 => self.push(Value::Bool(false))?,
            b'J' => {
                let number = i32::from_le_bytes(self.array()?);
                self.push(Value::Int(number.into()))?;
            }
            b'K' => {
                let number = self.byte()?;
                self.push(Value::Int(number as i64))?;
            }
            b'M' => {
                let number = u16::from_le_bytes(self.array()?);
                self.push(Value::Int(number.into()))?;
            }
            0x8a => {
                let length = self.byte()?;
                self.long(length)?;
            }
            0x8b => {
                let length = self.u32()?;
                self.long(length)?;
            }
            b'G' => {
                self.take(8)?;
                self.push(Value::Float)?;
            }
            b'X' | b'T' => {
                let length = self.u32()?;
                self.text(length)?;
            }
            0x8c | b'U' => {
                let length = self.byte()?;
                self.text(length)?;
            }
            0x8d => {
                let length = self.u64()?;
                self.text(length)?;
            }
            b'B' => {
                let length = self.u32()?;
                self.bytes(length)?;
            }
            b'C' => {
                let length = self.byte()?;
                self.bytes(length)?;
            }
            0x8e | 0x96 => {
                let length = self.u64()?;
                self.bytes(length)?;
            }
            b')' => self.push(Value::Tuple(vec![]))?,
            0x85 => self.tuple(1)?,
            0x86 => self.tuple(2)?,
            0x87 => self.tuple(3)?,
            b't' => {
                let values = self.since_mark()?;
                self.push(Value::Tuple(values))?;
            }
            b']' => self.push(Value::List(vec![]))?,
            b'l' => {
                let values = self.since_mark()?;
                self.push(Value::List(values))?;
            }
            b'a' => {
                let value = self.pop()?;
                self.append(vec![value])?;
            }
            b'e' | 0x90 => {
                let values = self.since_mark()?;
                self.append(values)?;
            }
            b'}' => self.push(Value::Dict(vec![]))?,
            b'd' => {
                let values = self.since_mark()?;
                self.push(Value::Dict(vec![]))?;
                self.insert(values)?;
            }
            b's' => {
                let (value, key) = (self.pop()?, self.pop()?);
                self.insert(vec![key, value])?;
            }
            b'u' => {
                let values = self.since_mark()?;
                self.insert(values)?;
            }
            0x8f => self.push(Value::Set)?,
            0x91 => {
                self.since_mark()?;
                self.push(Value::Set)?;
            }
            b'c' => {
                let (module, name) = (self.line()?, self.line()?);
                self.global(&module, &name)?;
            }
            0x93 => {
                let (name, module) = (self.pop()?, self.pop()?);
                let text = |id: Id| match &self.values[id.0 as usize] {
                    Value::Text(text) if text.len() <= MAX_GLOBAL => Ok(text.clone()),
                    _ => Err("expected the name of a class, got another value"),
                };
                let (module, name) = (text(module)?, text(name)?);
                self.global(&module, &name)?;
            }
            b'R' | 0x81 => self.call()?,
            // The attributes of an object: no tensor of a dictionary is among them.
            b'b' => drop(self.pop()?),
            b'Q' => {
                let description = self.pop()?;
                self.push(Value::Persistent(description))?;
            }
            b'q' => {
                let key = self.byte()?;
                self.memoize(key)?;
            }
            b'r' => {
                let key = self.u32()?;
                self.memoize(key)?;
            }
            0x94 => self.memoize(self.memo.len())?,
            b'h' => {
                let key = self.byte()?;
                self.recall(key)?;
            }
            b'j' => {
                let key = self.u32()?;
                self.recall(key)?;
            }
            other => return Err(refused(other)),
        }
        Ok(None)
    }
}

/// Returns the message about an opcode that no file of tensors has.
fn refused(opcode: u8) -> String {
    let name = match opcode {
        b'i' => "INST",
        b'o' => "OBJ",
        b'P' => "PERSID",
        0x82 => "EXT1",
        0x83 => "EXT2",
        0x84 => "EXT4",
        0x92 => "NEWOBJ_EX",
        0x97 => "NEXT_BUFFER",
        0x98 => "READONLY_BUFFER",
        _ => return format!("expected an opcode of a pickle, got 0x{opcode:02x}"),
    };
    format!("expected an opcode that PyTorch writes for tensors, got {name} (0x{opcode:02x})")
}
