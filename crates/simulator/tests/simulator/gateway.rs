//! A gateway of a few lines: it adds the PFN, reads the `ChannelURI`, and ends the session.

use std::sync::{Arc, Mutex};

use axum::{Router, extract::State, routing::post};
use simulator::wns::App;
use syncml::{Command, Limits, Message};
use tokio::net::TcpListener;
use url::Url;

/// The `ChannelURI`s that were read, the newest last.
pub(crate) type Uris = Arc<Mutex<Vec<String>>>;

pub(crate) async fn start() -> (Url, Uris) {
    let uris = Uris::default();
    let router = Router::new().route("/dm", post(answer)).with_state(Arc::clone(&uris));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/dm", listener.local_addr().unwrap()).parse().unwrap();
    tokio::spawn(async move { axum::serve(listener, router).await });
    (url, uris)
}

async fn answer(State(uris): State<Uris>, body: String) -> String {
    let message = Message::parse(body.as_bytes(), &Limits::default()).unwrap();
    let results = message.commands.iter().filter_map(|command| match command {
        Command::Results(results) => results.items.first(),
        _ => None,
    });
    uris.lock().unwrap().extend(results.map(|item| item.value().to_owned()));
    let first = message.header.msg_id == 1;
    let header = &message.header;
    let (session, id, device) = (&header.session_id, header.msg_id, &header.source.uri);
    format!(
        "<SyncML xmlns=\"SYNCML:SYNCML1.2\"><SyncHdr><SessionID>{session}</SessionID><MsgID>{id}</MsgID>\
         <Target><LocURI>{device}</LocURI></Target><Source><LocURI>x</LocURI></Source></SyncHdr><SyncBody>\
         <Status><CmdID>1</CmdID><MsgRef>{id}</MsgRef><CmdRef>0</CmdRef><Cmd>SyncHdr</Cmd><Data>200</Data></Status>\
         {}<Final/></SyncBody></SyncML>",
        if first { orders() } else { String::new() }
    )
}

fn orders() -> String {
    let push = "./Vendor/MSFT/DMClient/Provider/Test/Push";
    let pfn = App::example().pfn;
    format!(
        "<Add><CmdID>2</CmdID><Item><Target><LocURI>{push}/PFN</LocURI></Target><Data>{pfn}</Data></Item></Add>\
         <Get><CmdID>3</CmdID><Item><Target><LocURI>{push}/ChannelURI</LocURI></Target></Item></Get>"
    )
}
