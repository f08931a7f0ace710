// Runs the decoder in a worker, so that the page stays alive: a program of the WebAssembly System Interface
// (WASI, snapshot preview 1) that reads its standard input and writes its standard output, and no more.
"use strict";

// How many bytes of a file are read at once.
const PIECE = 1 << 20;
// Numbers of errors in WASI.
const [SUCCESS, BAD_FILE] = [0, 8];
const [INPUT, OUTPUT, ERRORS] = [0, 1, 2];

class Exit extends Error {}

// Blobs that are read one after the other. They need not be in memory.
class Input {
  constructor(blobs) {
    this.blobs = blobs.filter((blob) => blob.size > 0);
    this.total = this.blobs.reduce((sum, blob) => sum + blob.size, 0);
    this.reader = new FileReaderSync();
    this.piece = new Uint8Array();
    this.offset = 0;
    this.read = 0;
    this.percent = 0;
  }

  // The next bytes, at most so many; none at the end.
  take(length) {
    if (!this.piece.length) this.fill();
    const taken = this.piece.subarray(0, length);
    this.piece = this.piece.subarray(taken.length);
    return taken;
  }

  fill() {
    const blob = this.blobs[0];
    if (!blob) return;
    const end = Math.min(this.offset + PIECE, blob.size);
    this.piece = new Uint8Array(this.reader.readAsArrayBuffer(blob.slice(this.offset, end)));
    this.read += end - this.offset;
    this.offset = end;
    if (end === blob.size) {
      this.blobs.shift();
      this.offset = 0;
    }
    const percent = Math.floor((100 * this.read) / this.total);
    if (percent > this.percent) postMessage({ percent });
    this.percent = percent;
  }
}

// The functions that the program needs.
function functions(input, written, memory) {
  const view = () => new DataView(memory().buffer);
  // The parts of memory that a list of pointers and lengths names.
  function* parts(list, count) {
    for (let at = list; at < list + 8 * count; at += 8) {
      const [start, length] = [view().getUint32(at, true), view().getUint32(at + 4, true)];
      yield new Uint8Array(memory().buffer, start, length);
    }
  }
  return {
    fd_read(file, list, count, result) {
      if (file !== INPUT) return BAD_FILE;
      let read = 0;
      for (const part of parts(list, count)) {
        const taken = input.take(part.length);
        part.set(taken);
        read += taken.length;
        if (taken.length < part.length) break;
      }
      view().setUint32(result, read, true);
      return SUCCESS;
    },
    fd_write(file, list, count, result) {
      if (file !== OUTPUT && file !== ERRORS) return BAD_FILE;
      let length = 0;
      for (const part of parts(list, count)) {
        written[file].push(part.slice());
        length += part.length;
      }
      view().setUint32(result, length, true);
      return SUCCESS;
    },
    random_get(start, length) {
      // This many bytes at once are the most that the browser gives.
      for (let at = 0; at < length; at += 65536) {
        const count = Math.min(65536, length - at);
        crypto.getRandomValues(new Uint8Array(memory().buffer, start + at, count));
      }
      return SUCCESS;
    },
    clock_time_get(clock, precision, result) {
      const milliseconds = clock === 0 ? Date.now() : performance.now();
      view().setBigUint64(result, BigInt(Math.floor(milliseconds * 1e3)) * 1000n, true);
      return SUCCESS;
    },
    environ_sizes_get(count, size) {
      view().setUint32(count, 0, true);
      view().setUint32(size, 0, true);
      return SUCCESS;
    },
    environ_get: () => SUCCESS,
    proc_exit(code) {
      if (code !== 0) throw new Exit(`it ended with the code ${code}`);
    },
  };
}

async function text(pieces) {
  return new Blob(pieces).text();
}

onmessage = async ({ data: { module, blobs } }) => {
  const written = { [OUTPUT]: [], [ERRORS]: [] };
  try {
    let instance = null;
    const needed = functions(new Input(blobs), written, () => instance.exports.memory);
    instance = await WebAssembly.instantiate(module, { wasi_snapshot_preview1: needed });
    instance.exports._start();
    postMessage({ answer: JSON.parse(await text(written[OUTPUT])) });
  } catch (error) {
    const said = (await text(written[ERRORS])).trim();
    postMessage({ failure: said || String(error) });
  }
};
