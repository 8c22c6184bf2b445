//! Memory is reserved before a request takes it: small requests that would become large are rejected, and parameters are
//! decoded once and shared.

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use chariot_engine::{
    input::{DecodeContext, ElementPayload, Input, WithParams, modality},
    prelude::*,
    settings::ByteSize,
};
use e2e::until;
use serde_json::{Value, json};

use crate::support::Server;

/// Answers each item with 0.
struct Zeros<I>(std::marker::PhantomData<fn() -> I>);

impl<I: Input<Modality: chariot_engine::input::Modality<Encoded = chariot_engine::protocol::JsonText>>> Model
    for Zeros<I>
{
    type Settings = ();
    type Input = I;
    type Output = Json<u8>;

    async fn load(_: &LoadContext) -> Result<Self> {
        Ok(Zeros(std::marker::PhantomData))
    }

    async fn infer(&self, batch: Batch<I>) -> Result<Vec<Json<u8>>> {
        batch.try_map(|_| Ok(Json(0)))
    }
}

/// A server whose requests can hold `request` bytes each, and `all` together.
fn server<M: Model>(request: u64, all: u64) -> Server {
    Server::start(Engine::builder().model::<M>("limited").configure(move |settings| {
        settings.max_body = ByteSize(all);
        settings.max_request_bytes = Some(ByteSize(request));
        settings.max_inflight_bytes = Some(ByteSize(all));
    }))
}

fn holds_nothing(server: &Server) {
    until("nothing is held", || {
        let metrics = server.get("/metrics").text;
        let bytes = metrics.lines().find_map(|line| line.strip_prefix("chariot_in_flight_bytes{")?.split(' ').nth(1));
        (bytes == Some("0")).then_some(())
    });
}

/// The number of times that parameters were decoded.
static DECODED: AtomicUsize = AtomicUsize::new(0);

#[derive(serde::Deserialize)]
#[serde(from = "Value")]
struct Counted(Value);

impl From<Value> for Counted {
    fn from(value: Value) -> Self {
        DECODED.fetch_add(1, Ordering::Relaxed);
        Counted(value)
    }
}

#[derive(serde::Deserialize)]
struct Stops {
    stops: Counted,
}

#[test]
fn the_items_of_an_input_share_its_parameters() {
    struct Share;
    impl Model for Share {
        type Settings = ();
        type Input = WithParams<Text, Stops>;
        type Output = Json<usize>;

        async fn load(_: &LoadContext) -> Result<Self> {
            Ok(Share)
        }

        async fn infer(&self, batch: Batch<Self::Input>) -> Result<Vec<Json<usize>>> {
            let first = batch.iter().next().map(|item| item.params.clone());
            batch.try_map(|item| {
                let same = first.as_ref().is_some_and(|first| Arc::ptr_eq(first, &item.params));
                Ok(Json(usize::from(same) * item.params.stops.0.as_array().map_or(0, Vec::len)))
            })
        }
    }
    let server = server::<Share>(64 << 20, 128 << 20);
    // The example of the documentation is decoded too.
    let before = DECODED.load(Ordering::Relaxed);
    let body = json!({"inputs": [{"name": "x", "data": vec!["a"; 30], "parameters": {"stops": [1, 2, 3]}}]});
    assert_eq!(server.infer(body.to_string()).ok()["outputs"][0]["data"], json!(vec![3; 30]));
    assert_eq!(DECODED.load(Ordering::Relaxed) - before, 1);
    holds_nothing(&server);
}

#[test]
fn parameters_are_limited_but_for_the_metadata() {
    let server = server::<Zeros<Text>>(64 << 20, 128 << 20);
    let items = |parameters: Value| {
        json!({"inputs": [{"name": "x", "data": vec![""; 1000], "parameters": parameters}]}).to_string()
    };
    for parameters in
        [json!({"big": "x".repeat(3 << 20)}), json!({"a": "x".repeat(700 << 10), "b": "x".repeat(700 << 10)})]
    {
        let text = server.infer(items(parameters)).error(400);
        assert!(text.contains("input 'x'") && text.contains("1048576 bytes"), "{text}");
    }
    let metadata = "m".repeat(3 << 20);
    let answer = server.infer(items(json!({"metadata": metadata, "own": 1})));
    assert_eq!(answer.ok()["outputs"][0]["parameters"]["metadata"], metadata);
    holds_nothing(&server);
}

#[test]
fn small_requests_that_become_large_are_rejected() {
    let strings = |text: &str, count: usize| {
        json!({"inputs": [{"name": "x", "datatype": "BYTES", "shape": [count], "data": vec![text; count]}]}).to_string()
    };
    struct Empty;
    impl Model for Empty {
        type Settings = ();
        type Input = Tensors;
        type Output = Tensors;

        async fn load(_: &LoadContext) -> Result<Self> {
            Ok(Empty)
        }

        async fn infer(&self, batch: Batch<Tensors>) -> Result<Vec<Tensors>> {
            batch.try_map(|_| Ok(Tensors::default()))
        }
    }
    // A string with an escape takes 5 bytes of the body, 8 of a range and more than 24 of memory; one without stays in the body.
    let tensors = server::<Empty>(4 << 20, 8 << 20);
    assert_eq!(tensors.infer(strings("", 200_000)).status, 200);
    assert_eq!(tensors.infer(strings("\t", 40_000)).status, 200);
    tensors.infer(strings("\t", 200_000)).error(413);
    holds_nothing(&tensors);
    let tensors = server::<Empty>(8 << 20, 4 << 20);
    tensors.infer(strings("\t", 200_000)).error(413);
    holds_nothing(&tensors);

    // A map of one entry takes 6 bytes of the body and more than 600 of memory.
    let values = server::<Zeros<Json<Value>>>(4 << 20, 8 << 20);
    let maps = |count: usize| json!({"inputs": [{"name": "x", "data": [vec![json!({"": 0}); count]]}]}).to_string();
    assert_eq!(values.infer(maps(1000)).status, 200);
    values.infer(maps(20_000)).error(413);
    // A string that holds too much is not taken for a string.
    let quoted = json!({"inputs": [{"name": "x", "data": [format!("[{}]", vec!["{\"\":0}"; 20_000].join(","))]}]});
    values.infer(quoted.to_string()).error(413);
    holds_nothing(&values);
}

#[test]
fn a_type_that_tries_several_forms_does_not_swallow_the_rejection() {
    #[derive(serde::Deserialize)]
    #[serde(untagged)]
    #[expect(dead_code, reason = "only decoded")]
    enum Either {
        Maps(Vec<HashMap<String, u8>>),
        Anything(Value),
    }
    #[derive(serde::Deserialize)]
    #[expect(dead_code, reason = "only decoded")]
    struct Flat {
        #[serde(flatten)]
        rest: HashMap<String, Value>,
    }
    let maps = |count: usize| json!({"maps": vec![json!({"": 0}); count]});
    fn answers<T>(maps: impl Fn(usize) -> Value)
    where
        T: serde::de::DeserializeOwned + Send + Sync + 'static,
        WithParams<Text, T>:
            Input<Modality: chariot_engine::input::Modality<Encoded = chariot_engine::protocol::JsonText>>,
    {
        let server = server::<Zeros<WithParams<Text, T>>>(4 << 20, 8 << 20);
        let ask = |count: usize| {
            let body = json!({"inputs": [{"name": "x", "data": ["a"], "parameters": maps(count)}]});
            server.infer(body.to_string())
        };
        assert_eq!(ask(100).status, 200);
        ask(50_000).error(413);
        holds_nothing(&server);
    }
    #[derive(serde::Deserialize)]
    #[expect(dead_code, reason = "only decoded")]
    struct Member {
        maps: Either,
    }
    /// Numbers up to the first that cannot be decoded.
    struct Lenient;
    impl<'de> serde::de::Visitor<'de> for Lenient {
        type Value = Self;

        fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("a list")
        }

        fn visit_seq<A: serde::de::SeqAccess<'de>>(self, mut list: A) -> Result<Self, A::Error> {
            while let Ok(Some(_)) = list.next_element::<u64>() {}
            while list.next_element::<serde::de::IgnoredAny>()?.is_some() {}
            Ok(self)
        }
    }
    impl<'de> serde::Deserialize<'de> for Lenient {
        fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            deserializer.deserialize_seq(Lenient)
        }
    }
    #[derive(serde::Deserialize)]
    #[expect(dead_code, reason = "only decoded")]
    struct Swallowing {
        maps: Lenient,
    }
    answers::<Member>(maps);
    answers::<Swallowing>(|count| json!({"maps": vec![0; 10 * count]}));
    answers::<Flat>(maps);
}

#[test]
fn a_picture_is_rejected_before_its_pixels_are_decoded() {
    use chariot_engine::image::{DynamicImage, GrayImage, ImageFormat};
    let mut file = std::io::Cursor::new(Vec::new());
    DynamicImage::from(GrayImage::new(4000, 3000)).write_to(&mut file, ImageFormat::Png).unwrap();
    let file = file.into_inner();
    assert!(file.len() < 100_000);
    let small = server::<Zeros<Image>>(10 << 20, 32 << 20);
    small.ask("POST", "/infer", &["Content-Type: image/png"], &file).error(413);
    small.infer(json!({"inputs": [{"name": "x", "data": [e2e::base64(&file)]}]}).to_string()).error(413);
    holds_nothing(&small);
    let large = server::<Zeros<Image>>(16 << 20, 32 << 20);
    assert_eq!(large.ask("POST", "/infer", &["Content-Type: image/png"], &file).status, 200);
    // Three that end too early, of which any two would be too large together.
    let cut = e2e::base64(&file[..file.len() / 2]);
    let cut = large.infer(json!({"inputs": [{"name": "x", "data": [cut, cut, cut]}]}).to_string());
    assert_eq!((cut.status, cut.text.matches("truncated").count()), (400, 3), "{}", cut.text);
    holds_nothing(&large);
}

#[test]
fn an_author_reserves_what_decoding_takes() {
    /// A text whose decoder needs a mebibyte for each character.
    struct Hungry;
    impl Input for Hungry {
        type Modality = modality::Text;

        fn decode(payload: ElementPayload, cx: &DecodeContext<'_>) -> Result<Self> {
            cx.reserve(payload.text()?.len() << 20)?;
            Ok(Hungry)
        }
    }
    let server = server::<Zeros<Hungry>>(8 << 20, 16 << 20);
    let items = |text: &str, count: usize| json!({"inputs": [{"name": "x", "data": vec![text; count]}]}).to_string();
    assert_eq!(server.infer(items("1234", 100)).status, 200, "each item returns what it does not keep");
    server.infer(items("123456789", 1)).error(413);
    holds_nothing(&server);
}
