//! Reading the tables that the benchmarks print.

/// A table in Markdown.
pub struct Table {
    header: Vec<String>,
    rows: Vec<Vec<String>>,
}

impl Table {
    /// The first table of the text with all these columns.
    pub fn with_columns(text: &str, columns: &[&str]) -> Self {
        let table = tables(text)
            .into_iter()
            .find(|table| columns.iter().all(|column| table.header.iter().any(|it| it == column)));
        table.unwrap_or_else(|| panic!("no table has the columns {columns:?}:\n{text}"))
    }

    /// The rows, each with the cells of these columns.
    pub fn select<const COLUMNS: usize>(&self, columns: [&str; COLUMNS]) -> Vec<[String; COLUMNS]> {
        let places = columns.map(|column| {
            let place = self.header.iter().position(|name| name == column);
            place.expect("the table has the column")
        });
        self.rows.iter().map(|row| places.map(|place| row[place].clone())).collect()
    }
}

fn tables(text: &str) -> Vec<Table> {
    let mut tables = Vec::new();
    let mut in_table = false;
    for line in text.lines() {
        if !line.starts_with('|') {
            in_table = false;
        } else if !in_table {
            tables.push(Table { header: cells(line), rows: Vec::new() });
            in_table = true;
        } else if let (Some(table), false) = (tables.last_mut(), line.starts_with("|---")) {
            table.rows.push(cells(line));
        }
    }
    tables
}

fn cells(line: &str) -> Vec<String> {
    line.trim().trim_matches('|').split('|').map(|cell| cell.trim().to_owned()).collect()
}
