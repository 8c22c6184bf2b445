//! The memory of a request: its body, the decoded tensors, and a constant. A counting allocator measures it, with bodies
//! large enough to notice a copy.

use std::{
    io::{Read, Write},
    net::{Ipv4Addr, TcpListener, TcpStream},
    sync::{PoisonError, RwLock, RwLockReadGuard},
};

use bytes::Bytes;
use chariot_engine::{
    Rejection,
    prelude::*,
    protocol::{Accepts, BodyFormat, DataType, InferRequest, MediaType, TensorMetadata},
    testing::TestEngine,
};
use fuzz::memory::{Counting, cost, cost_of_all};

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// The memory of a request of any size: names, shapes, the start of the list of inputs.
const CONSTANT: usize = 16 << 10;
/// The size of a block of ranges of BYTES elements.
const BLOCK: usize = 64 << 10;
/// The number of elements of the tensors.
const COUNT: usize = 20_000;

/// Held for writing by a test that measures the whole process.
static ALONE: RwLock<()> = RwLock::new(());

fn shared() -> RwLockReadGuard<'static, ()> {
    ALONE.read().unwrap_or_else(PoisonError::into_inner)
}

/// Decodes a body, and checks the memory beyond the body.
fn decode(what: &str, body: &str, most: usize) -> Result<InferRequest, Rejection> {
    let body = Bytes::from(body.to_owned());
    let (read, cost) = cost(|| InferRequest::decode(&body));
    assert!(
        cost <= most + CONSTANT,
        "{what}: expected at most {most} bytes and a constant for a body of {} bytes, got {cost}",
        body.len()
    );
    read
}

/// Returns a list of `COUNT` elements, flat or nested in rows of 1000.
fn list(element: &str, nested: bool) -> String {
    let row = |length: usize| format!("[{}]", vec![element; length].join(","));
    if nested { format!("[{}]", vec![row(1000); COUNT / 1000].join(",")) } else { row(COUNT) }
}

fn input(datatype: &str, shape: &str, data: &str, data_first: bool) -> String {
    let (kind, data) = (format!("\"datatype\":\"{datatype}\",\"shape\":{shape}"), format!("\"data\":{data}"));
    let members = if data_first { [data, kind] } else { [kind, data] };
    format!("{{\"inputs\":[{{\"name\":\"x\",{}}}]}}", members.join(","))
}

#[test]
fn the_allocator_counts() {
    let _shared = shared();
    let (list, cost) = cost(|| {
        let list = vec![0_u8; 100_000];
        drop(vec![0_u8; 200_000]);
        list
    });
    assert_eq!((list.len(), cost), (100_000, 300_000));
}

#[test]
fn numbers_in_json_take_the_memory_of_their_tensor() {
    let _shared = shared();
    for datatype in DataType::ALL.iter().copied().filter(|datatype| *datatype != DataType::Bytes) {
        let elements: &[&str] = match datatype {
            DataType::Bool => &["true"],
            DataType::Fp16 | DataType::Bf16 | DataType::Fp32 | DataType::Fp64 => &["1", "0.0012345678901234567"],
            _ => &["1"],
        };
        let most = COUNT * datatype.size().unwrap();
        for element in elements {
            for nested in [false, true] {
                let shape = format!("[{},1000]", COUNT / 1000);
                for data_first in [false, true] {
                    let body = input(datatype.as_str(), &shape, &list(element, nested), data_first);
                    let what = format!("{datatype}, nested: {nested}, data first: {data_first}");
                    let request = decode(&what, &body, most).unwrap();
                    assert_eq!(request.inputs[0].data.len(), COUNT);
                    let (converted, more) = cost(|| request.inputs[0].data.clone().convert(DataType::Fp64));
                    // The original and the converted tensor; the clone only keeps the original alive.
                    let width = if datatype == DataType::Fp64 { 0 } else { 8 };
                    assert!(more <= most + COUNT * width + CONSTANT, "{datatype}: conversion takes {more} bytes");
                    assert_eq!(converted.is_ok(), datatype != DataType::Bool);
                }
            }
        }
    }
}

#[test]
fn a_wrong_shape_takes_the_memory_of_the_elements_only() {
    let _shared = shared();
    let long = "0.00012345678901234567";
    let lists =
        [("[1,2,3]".to_owned(), 3), (list(long, false), COUNT), (list(long, true), COUNT), (list("1", true), COUNT)];
    for (data, count) in &lists {
        for shape in
            ["[4000000000,4000000000]", "[18446744073709551615]", "[1000000]", "[1]", "[7,7]", "[0]", "[20,2000]"]
        {
            for data_first in [false, true] {
                let what = format!("shape {shape}, {count} elements, data first: {data_first}");
                let rejected = decode(&what, &input("FP64", shape, data, data_first), count * 8);
                assert!(rejected.is_err(), "{what}");
            }
        }
    }
    // A list of commas only.
    let commas = format!("[{}]", ",".repeat(COUNT));
    assert!(decode("commas", &input("FP64", "[20000]", &commas, false), commas.len() * 4).is_err());
}

#[test]
fn many_inputs_take_the_sum_of_their_memory() {
    let _shared = shared();
    let one = "{\"name\":\"x\",\"datatype\":\"INT32\",\"shape\":[100],\"data\":";
    let row = format!("[{}]", vec!["7"; 100].join(","));
    let body = format!("{{\"inputs\":[{}]}}", vec![format!("{one}{row}}}"); 1000].join(","));
    // An input takes some hundred bytes beside its elements, and the list of inputs grows while it is read.
    let request = decode("many inputs", &body, 1000 * (400 + 3 * 300)).unwrap();
    assert_eq!(request.inputs.len(), 1000);
}

#[test]
fn elements_of_bytes_take_8_bytes_each_and_their_strings_are_not_copied_twice() {
    let _shared = shared();
    for (element, nested) in
        [("\"\"", false), ("\"some text\"", false), ("1", false), ("\"\"", true), ("\"a, b\"", true)]
    {
        let elements = if nested { COUNT / 1000 } else { COUNT };
        let shape = if nested { format!("[{},1000]", COUNT / 1000) } else { format!("[{COUNT}]") };
        for data_first in [false, true] {
            let what = format!("{element}, nested: {nested}, data first: {data_first}");
            let body = input("BYTES", &shape, &list(element, nested), data_first);
            let request = decode(&what, &body, elements * 8 + BLOCK).unwrap();
            if element.starts_with('"') {
                let shape = request.inputs[0].shape.clone().unwrap();
                let (strings, cost) = cost(|| request.inputs[0].data.strings(&shape));
                let most = COUNT * (size_of::<String>() + element.len());
                assert!(cost <= most + CONSTANT, "{what}: the strings take {cost} bytes");
                assert_eq!(strings.map(|strings| strings.len()), Ok(COUNT));
                let wrong = [1, 4_000_000_000];
                let (rejected, cost) = cost_of(|| request.inputs[0].data.strings(&wrong));
                assert!(rejected.is_err() && cost <= most + CONSTANT, "{what}: a wrong shape takes {cost} bytes");
            }
        }
    }
    let one = format!("\"{}\"", "AAAA".repeat(COUNT));
    let request = decode("one long string", &input("BYTES", "[480,640,3]", &format!("[{one}]"), false), 0).unwrap();
    assert_eq!(request.inputs[0].data.len(), 1);
}

/// Calls [`cost`], under a name that no local variable shadows.
fn cost_of<T>(run: impl FnOnce() -> T) -> (T, usize) {
    cost(run)
}

#[test]
fn names_and_parameters_are_limited_before_they_are_kept() {
    let _shared = shared();
    let long = "\\u0061".repeat(COUNT);
    let escaped = "a".repeat(COUNT) + "\\n";
    for body in [
        format!("{{\"id\":\"{long}\",\"inputs\":[{{\"data\":[1]}}]}}"),
        format!("{{\"inputs\":[{{\"name\":\"{escaped}\",\"data\":[1]}}]}}"),
        format!("{{\"inputs\":[{{\"parameters\":{{\"action\":\"{long}\"}},\"data\":[1]}}]}}"),
    ] {
        let rejected = decode("a long name", &body, 0).unwrap_err();
        assert!(rejected.text().contains("1024 bytes"), "{rejected}");
    }
    let many: Vec<_> = (0..COUNT / 10).map(|index| format!("\"{index}\":0")).collect();
    let body = format!("{{\"inputs\":[{{\"parameters\":{{{}}},\"data\":[1]}}]}}", many.join(","));
    let rejected = decode("many parameters", &body, 100 << 10).unwrap_err();
    assert!(rejected.text().contains("1024 parameters"), "{rejected}");
    let metadata = format!("\"{long}\"");
    let body = format!("{{\"inputs\":[{{\"parameters\":{{\"metadata\":{metadata}}},\"data\":[1]}}]}}");
    let request = decode("metadata", &body, 0).unwrap();
    assert_eq!(request.inputs[0].parameters.metadata().map(|text| text.as_str()), Some(&*metadata));
    // The name of an unknown member is copied while it is compared.
    let body = format!("{{\"{escaped}\":1,\"inputs\":[{{\"data\":[1]}}]}}");
    decode("an unknown member", &body, escaped.len()).unwrap();
}

#[test]
fn binary_tensors_take_no_memory_until_their_values_are_requested() {
    let _shared = shared();
    let json = format!(
        "{{\"inputs\":[{{\"name\":\"x\",\"datatype\":\"FP32\",\"shape\":[{COUNT}],\
         \"parameters\":{{\"binary_data_size\":{}}}}}]}}",
        COUNT * 4
    );
    let body = Bytes::from([json.as_bytes(), &vec![0; COUNT * 4]].concat());
    let (request, price) = cost(|| InferRequest::decode_binary(&body, json.len()).unwrap());
    assert!(price <= 4096, "{price}");
    let (values, price) = cost(|| request.inputs[0].data.as_slice::<f32>().map(<[f32]>::len));
    assert_eq!(values, Some(COUNT));
    assert!(price <= COUNT * 4 + 4096, "{price}");

    let raw = Bytes::from(vec![0; COUNT * 8]);
    let metadata = TensorMetadata::new("x", DataType::Int64, [-1]);
    let (request, price) = cost(|| InferRequest::decode_raw(&raw, &metadata).unwrap());
    assert!(price <= 4096, "{price}");
    let data = request.inputs.into_iter().next().unwrap().data;
    let (converted, price) = cost(|| data.convert(DataType::Fp32).unwrap());
    assert!(converted.len() == COUNT && price <= COUNT * 4 + 4096, "{price}");

    let element = [&1_u32.to_le_bytes()[..], b"a"].concat();
    let json = format!(
        "{{\"inputs\":[{{\"name\":\"x\",\"datatype\":\"BYTES\",\"shape\":[{COUNT}],\
         \"parameters\":{{\"binary_data_size\":{}}}}}]}}",
        COUNT * 5
    );
    let body = Bytes::from([json.as_bytes(), &element.repeat(COUNT)].concat());
    let (request, price) = cost(|| InferRequest::decode_binary(&body, json.len()).unwrap());
    assert_eq!(request.inputs[0].data.len(), COUNT);
    assert!(price <= COUNT * 8 + BLOCK + CONSTANT, "{price}");
}

#[test]
fn items_of_chariot_v2_are_slices_too() {
    let _shared = shared();
    let accepts = Accepts::default();
    let text = "a".repeat(COUNT);
    let document = Bytes::from(format!("{{\"input\":\"{text}\",\"parameters\":{{\"action\":\"predict\"}}}}"));
    let raw = Bytes::from(text);
    for (body, media_type) in [(document, MediaType::Json), (raw, MediaType::Raw)] {
        let format = BodyFormat::new(media_type);
        let (read, price) = cost(|| format.decode(&body, &accepts));
        assert!(read.is_ok() && price <= CONSTANT, "{price}");
    }
}

/// Returns the named tensors of its input.
struct Echo;

impl Model for Echo {
    type Settings = ();
    type Input = Tensors;
    type Output = Tensors;

    async fn load(_: &LoadContext) -> Result<Self> {
        Ok(Echo)
    }

    async fn infer(&self, batch: Batch<Tensors>) -> Result<Vec<Tensors>> {
        batch.try_map(|tensors| Ok(tensors.into_value()))
    }
}

/// Sends a request on a connection of its own, and returns the length of the response without keeping it.
fn exchange(address: (Ipv4Addr, u16), headers: &str, body: &[u8]) -> usize {
    let mut stream = TcpStream::connect(address).unwrap();
    let request = format!(
        "POST /infer HTTP/1.1\r\nhost: engine\r\nconnection: close\r\n{headers}content-length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all(request.as_bytes()).unwrap();
    stream.write_all(body).unwrap();
    let (mut piece, mut first, mut length) = ([0; 16 << 10], Vec::with_capacity(16), 0);
    loop {
        match stream.read(&mut piece).unwrap() {
            0 => break,
            count => {
                first.extend_from_slice(&piece[..count.min(first.capacity() - first.len())]);
                length += count;
            }
        }
    }
    assert!(first.starts_with(b"HTTP/1.1 200"), "{}", String::from_utf8_lossy(&first));
    length
}

#[test]
fn an_engine_takes_the_memory_of_the_body_the_tensors_and_the_response() {
    let _alone = ALONE.write().unwrap_or_else(PoisonError::into_inner);
    /// Buffers of the connection, threads, and the state that the engine keeps between requests.
    const OTHER: usize = 2 << 20;
    const LONG: usize = 1 << 20;
    let engine = TestEngine::start(Engine::builder().model::<Echo>("echo")).unwrap();
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = (Ipv4Addr::LOCALHOST, listener.local_addr().unwrap().port());
    listener.set_nonblocking(true).unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let served = engine.engine().clone();
    runtime.spawn(async move {
        let listener = tokio::net::TcpListener::from_std(listener).unwrap();
        served.serve(listener, std::future::pending()).await
    });

    let json = format!(
        "{{\"inputs\":[{{\"name\":\"x\",\"datatype\":\"FP32\",\"shape\":[{LONG}],\"parameters\":\
         {{\"binary_data_size\":{}}}}}],\"parameters\":{{\"binary_data_output\":true}}}}",
        LONG * 4
    );
    let head = format!("inference-header-content-length: {}\r\n", json.len());
    let binary = [json.as_bytes(), &vec![0; LONG * 4]].concat();
    exchange(address, &head, &binary[..]);
    let (response, cost) = cost_of_all(|| exchange(address, &head, &binary));
    let most = binary.len() + response + OTHER;
    assert!(cost <= most, "expected at most {most} bytes for a binary request of {} bytes, got {cost}", binary.len());

    let data = format!("[{}]", vec!["0.25"; LONG].join(","));
    let text = input("FP32", &format!("[{LONG}]"), &data, false).into_bytes();
    drop(data);
    let (response, cost) = cost_of_all(|| exchange(address, "", &text));
    let most = text.len() + LONG * 4 + response + OTHER;
    assert!(cost <= most, "expected at most {most} bytes for a JSON request of {} bytes, got {cost}", text.len());
    runtime.shutdown_background();
}
