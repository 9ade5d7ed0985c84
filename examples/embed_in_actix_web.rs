//! How do I put the engine into my actix-web application?
//!
//! Start it once, beside the server, and hand every worker a clone of its handle. Handlers ask it by message.
//!
//! ```text
//! cargo run --example embed_in_actix_web
//! curl http://127.0.0.1:8085/connections
//! curl http://127.0.0.1:8085/states?group=recording
//! curl http://127.0.0.1:8085/states/hq/cameras/<guid>/recording
//! ```
//! Without `--config FILE` it talks to a simulator in this process. `WATCHPOST_EXAMPLE_LISTEN` is another address to listen at.
#![allow(clippy::print_stdout, reason = "an example talks to a person")]

mod common;

use std::error::Error;
use std::time::Duration;

use actix_web::{App, HttpServer, Responder, error, get, web};
use serde::Deserialize;
use watchpost::actors::messages::{GetState, ListConnections, QueryStates};
use watchpost::actors::model::filter::FilterSettings;
use watchpost::actors::model::{ConnectionName, Filter};
use watchpost::actors::{Engine, EngineConfig, EngineHandle};

/// How each connection is doing.
#[get("/connections")]
async fn connections(engine: web::Data<EngineHandle>) -> actix_web::Result<impl Responder> {
    Ok(web::Json(engine.send(ListConnections).await.map_err(error::ErrorServiceUnavailable)?))
}

#[derive(Deserialize)]
struct Wanted {
    group: Option<String>,
}

/// All states, or those of one group.
#[get("/states")]
async fn states(engine: web::Data<EngineHandle>, wanted: web::Query<Wanted>) -> actix_web::Result<impl Responder> {
    let settings = FilterSettings { groups: wanted.into_inner().group.into_iter().collect(), ..Default::default() };
    let filter = Filter::new(&settings).map_err(error::ErrorBadRequest)?;
    let states = engine.send(QueryStates { filter, limit: 1_000 }).await;
    Ok(web::Json(states.map_err(error::ErrorServiceUnavailable)?))
}

/// One state. An item is `cameras/<guid>`, so it spans two segments of the path.
#[get("/states/{connection}/{item:.+}/{group}")]
async fn state(
    engine: web::Data<EngineHandle>,
    path: web::Path<(String, String, String)>,
) -> actix_web::Result<impl Responder> {
    let (connection, item, group) = path.into_inner();
    let connection = ConnectionName::new(&connection).map_err(error::ErrorBadRequest)?;
    let state = engine.send(GetState { connection, item, group }).await.map_err(error::ErrorServiceUnavailable)?;
    state.map(web::Json).ok_or_else(|| error::ErrorNotFound("no such state is known"))
}

#[actix_web::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let (connections_wanted, _simulator) = common::connections()?;
    let engine = Engine::start(EngineConfig { connections: connections_wanted, ..EngineConfig::default() })?;

    let data = web::Data::new(engine.clone());
    let app = move || App::new().app_data(data.clone()).service(connections).service(states).service(state);
    let listen = std::env::var("WATCHPOST_EXAMPLE_LISTEN").unwrap_or_else(|_| "127.0.0.1:8085".to_owned());
    let server = HttpServer::new(app).workers(2).disable_signals().bind(listen)?;
    for address in server.addrs() {
        println!("http://{address}/connections");
    }
    let server = server.run();
    let handle = server.handle();
    let serving = actix_web::rt::spawn(server);

    common::until_the_end().await?;
    handle.stop(true).await;
    serving.await??;
    let complete = engine.shutdown(Duration::from_secs(10)).await;
    println!("ended; everything stored: {complete}");
    Ok(())
}
