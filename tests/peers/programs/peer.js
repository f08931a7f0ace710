// A client or a server of Node's tls, which is OpenSSL, for tests/peers/programs.rs: as peer.go. Node
// shows no server which group the handshake took, and neither role whether there was a retry.
'use strict';

const fs = require('node:fs');
const tls = require('node:tls');
const { parseArgs } = require('node:util');

const NAMES = {
  23: 'prime256v1',
  24: 'secp384r1',
  29: 'X25519',
  513: 'MLKEM768',
  514: 'MLKEM1024',
  4587: 'SecP256r1MLKEM768',
  4588: 'X25519MLKEM768',
  4589: 'SecP384r1MLKEM1024',
};

const text = { type: 'string' };
const { values: options, positionals: [role] } = parseArgs({
  allowPositionals: true,
  options: { address: text, authority: text, chain: text, key: text, groups: text },
});

const read = (path) => path && fs.readFileSync(path);
const configuration = {
  minVersion: 'TLSv1.3',
  ca: read(options.authority),
  cert: read(options.chain),
  key: read(options.key),
  ecdhCurve: options.groups.split(',').map((number) => NAMES[number]).join(':'),
};

function fail(error) {
  console.log('failed:', error.message);
  process.exit(1);
}

function talk(socket) {
  const info = socket.getEphemeralKeyInfo();
  const group = Object.keys(NAMES).find((number) => NAMES[number] === info?.name);
  if (group) console.log(`group ${group}`);
  socket.on('error', fail);
  socket.write('from them\n');
  socket.once('data', (line) => {
    process.stdout.write(`heard ${line}`);
    socket.end(() => process.exit());
  });
}

if (role === 'client') {
  const [host, port] = options.address.split(':');
  const target = { ...configuration, host, port, servername: 'server.example' };
  const socket = tls.connect(target, () => talk(socket));
  socket.on('error', fail);
} else {
  const mutual = options.authority !== undefined;
  const server = tls.createServer({ ...configuration, requestCert: mutual }, talk);
  server.on('tlsClientError', fail);
  server.listen(0, '127.0.0.1', () => console.log('port', server.address().port));
}
