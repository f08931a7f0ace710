//! Runs every benchmark, and writes all their tables to `docs/benchmarks.md` and the headline to the
//! README, with the date and the machine.
//!
//! `report NAME...` runs the named ones only, and prints their tables instead.

mod headline;
mod machine;
mod table;

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// A benchmark: what it is called here, where it is, and the command of cargo that runs it.
struct Benchmark {
    name: &'static str,
    title: &'static str,
    source: &'static str,
    command: &'static str,
}

const BENCHMARKS: [Benchmark; 17] = [
    Benchmark {
        name: "handshake",
        title: "Handshakes in memory",
        source: "benches/handshake/main.rs",
        command: "bench -p handclasp --bench handshake",
    },
    Benchmark {
        name: "handshake_release",
        title: "Handshakes in memory, in Cargo's release profile",
        source: "benches/handshake/main.rs",
        command: "bench --profile release -p handclasp --bench handshake",
    },
    Benchmark {
        name: "providers",
        title: "Handshakes over aws-lc-rs, and hybrids",
        source: "benchmarks/src/bin/providers.rs",
        command: "run --profile bench -p handclasp-benchmarks --features aws-lc-rs --bin providers",
    },
    Benchmark {
        name: "records",
        title: "Records",
        source: "benches/records.rs",
        command: "bench -p handclasp --bench records",
    },
    Benchmark {
        name: "streams",
        title: "Streams in memory",
        source: "benches/streams.rs",
        command: "bench -p handclasp --bench streams",
    },
    Benchmark {
        name: "memory",
        title: "Allocations and heap",
        source: "benches/memory.rs",
        command: "bench -p handclasp --bench memory",
    },
    Benchmark {
        name: "memory_aws_lc_rs",
        title: "Allocations and heap over aws-lc-rs",
        source: "benches/memory.rs",
        command: "bench -p handclasp --no-default-features --features aws-lc-rs --bench memory",
    },
    Benchmark {
        name: "certificates",
        title: "Certificates",
        source: "benches/certificates.rs",
        command: "bench -p handclasp --bench certificates",
    },
    Benchmark {
        name: "loopback",
        title: "Streams over loopback TCP",
        source: "benchmarks/src/bin/loopback.rs",
        command: "run --profile bench -p handclasp-benchmarks --bin loopback",
    },
    Benchmark {
        name: "storm",
        title: "Handshakes over loopback TCP",
        source: "benchmarks/src/bin/storm.rs",
        command: "run --profile bench -p handclasp-benchmarks --bin storm",
    },
    Benchmark {
        name: "fleet",
        title: "Sessions and registers that servers share",
        source: "benchmarks/src/bin/fleet/main.rs",
        command: "run --profile bench -p handclasp-benchmarks --bin fleet",
    },
    Benchmark {
        name: "quic",
        title: "QUIC, under quinn-proto in memory",
        source: "benchmarks/src/bin/quic/main.rs",
        command: "run --profile bench -p handclasp-benchmarks --bin quic",
    },
    Benchmark {
        name: "quic_aws_lc_rs",
        title: "QUIC over aws-lc-rs",
        source: "benchmarks/src/bin/quic/main.rs",
        command: "run --profile bench -p handclasp-benchmarks --features aws-lc-rs --bin quic",
    },
    Benchmark {
        name: "quic_allocations",
        title: "Allocations of QUIC",
        source: "benchmarks/src/bin/quic_allocations.rs",
        command: "run --profile bench -p handclasp-benchmarks --bin quic_allocations",
    },
    Benchmark {
        name: "growth",
        title: "The cost of one more",
        source: "benchmarks/src/bin/growth/main.rs",
        command: "run --profile bench -p handclasp-benchmarks --bin growth",
    },
    Benchmark {
        name: "attacks",
        title: "What a hostile peer costs",
        source: "benches/attacks.rs",
        command: "bench -p handclasp --features brotli --bench attacks",
    },
    Benchmark {
        name: "constant_time",
        title: "Comparisons in constant time",
        source: "benchmarks/benches/constant_time.rs",
        command: "bench -p handclasp-benchmarks --bench constant_time",
    },
];

/// What a benchmark has printed, in Markdown.
struct Section {
    name: &'static str,
    text: String,
}

fn main() {
    let names: Vec<String> = std::env::args().skip(1).collect();
    if let Some(unknown) = names.iter().find(|name| !BENCHMARKS.iter().any(|it| it.name == **name))
    {
        let known = BENCHMARKS.map(|benchmark| benchmark.name).join(", ");
        panic!("there is no benchmark {unknown}: the benchmarks are {known}");
    }
    // First: a benchmark draws a file of the repository anew, and the commit would not be clean.
    let machine = machine::description();
    let sections: Vec<Section> = BENCHMARKS
        .iter()
        .filter(|benchmark| names.is_empty() || names.iter().any(|name| name == benchmark.name))
        .map(run)
        .collect();
    let text: String = sections.iter().map(|section| section.text.as_str()).collect();
    if !names.is_empty() {
        println!("{machine}\n{text}");
        return;
    }
    let about = "Written by `cargo run --profile bench -p handclasp-benchmarks --bin report`. A ratio is the \
        median of ratios of subjects that took turns in one process. The profile `bench` has link-time \
        optimization and one codegen unit, as a program that has to be fast; the peers are built in the same way.";
    let report = format!("# Benchmarks\n\n{about}\n\n{machine}\n{text}");
    std::fs::write(root().join("docs/benchmarks.md"), report).expect("docs/benchmarks.md");
    headline::put_into(&root().join("README.md"), &headline::headline(&sections, &machine));
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn run(benchmark: &Benchmark) -> Section {
    let Benchmark { name, title, source, command } = benchmark;
    eprintln!("-- {name}");
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(command.split(' ')).arg("--quiet").current_dir(root());
    let output = cargo.stderr(Stdio::inherit()).output().expect("cargo runs");
    assert!(output.status.success(), "{name} failed");
    let output = String::from_utf8(output.stdout).expect("a benchmark prints text");
    let output = output.trim();
    // One of them prints no tables.
    let is_table = output.starts_with('|');
    let body = if is_table { output.to_owned() } else { format!("```text\n{output}\n```") };
    let text = format!(
        "\n## {title}\n\nWhat is measured: [{source}](../{source}).\n\n{body}\n\n`cargo {command}`\n"
    );
    Section { name, text }
}
