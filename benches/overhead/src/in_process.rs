//! Requests to the service of an engine without sockets, so that a profiler sees the engine alone.

use std::{convert::Infallible, time::Instant};

use chariot_engine::server::ResponseBody;
use http::StatusCode;
use http_body_util::BodyExt;
use tower_service::Service;

use crate::{Case, Failure, figures::duration, runtime};

pub(crate) fn run(case: &Case, requests: usize) -> Result<(), Failure> {
    let request = case.request()?;
    runtime()?.block_on(async {
        let engine = (case.builder)().start()?;
        engine.ready().await?;
        let mut service = engine.service();
        let begin = Instant::now();
        for _ in 0..requests {
            let response = never(service.call(request.clone()).await);
            let status = response.status();
            never(ResponseBody::collect(response.into_body()).await);
            if status != StatusCode::OK {
                return Err(format!("expected status 200, got {status}").into());
            }
        }
        let each = begin.elapsed().as_secs_f64() / requests.max(1) as f64;
        engine.shutdown().await;
        println!("{requests} requests of '{}', {} each", case.name, duration(each));
        Ok(())
    })
}

fn never<T>(result: Result<T, Infallible>) -> T {
    result.unwrap_or_else(|never| match never {})
}
