//! Lists what a query can name: tables, and the functions of DataFusion and of the program.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::datatypes::{DataType, SchemaRef};
use datafusion_common::config::ConfigOptions;
use datafusion_common::{DataFusionError, Result, TableReference};
use datafusion_expr::logical_plan::builder::LogicalTableSource;
use datafusion_expr::planner::{ContextProvider, ExprPlanner};
use datafusion_expr::{AggregateUDF, HigherOrderUDF, ScalarUDF, TableSource, WindowUDF};

use crate::spark::names;

/// The functions and tables that a query can name, and the options with which it is planned.
pub struct Catalog {
    options: Arc<ConfigOptions>,
    tables: HashMap<String, Arc<dyn TableSource>>,
    scalar: HashMap<String, Arc<ScalarUDF>>,
    aggregate: HashMap<String, Arc<AggregateUDF>>,
    window: HashMap<String, Arc<WindowUDF>>,
    /// The planners that turn operators and the like into calls of functions; the first is asked first.
    planners: Vec<Arc<dyn ExprPlanner>>,
}

impl Catalog {
    /// Makes a catalog with all of DataFusion's functions and no table.
    pub fn new(options: Arc<ConfigOptions>) -> Self {
        let mut catalog = Self {
            options,
            tables: HashMap::new(),
            scalar: HashMap::new(),
            aggregate: HashMap::new(),
            window: HashMap::new(),
            planners: vec![
                Arc::new(datafusion_functions::core::planner::CoreFunctionPlanner::default()),
                Arc::new(datafusion_functions_nested::planner::NestedFunctionPlanner),
                Arc::new(datafusion_functions_nested::planner::FieldAccessPlanner),
                Arc::new(datafusion_functions::datetime::planner::DatetimeFunctionPlanner),
                Arc::new(datafusion_functions::unicode::planner::UnicodeFunctionPlanner),
                Arc::new(datafusion_functions_aggregate::planner::AggregateFunctionPlanner),
                Arc::new(datafusion_functions_window::planner::WindowFunctionPlanner),
            ],
        };
        let nested = datafusion_functions_nested::all_default_nested_functions();
        for function in datafusion_functions::all_default_functions()
            .into_iter()
            .chain(nested)
        {
            // Some functions hold a copy of an option, such as the time zone.
            match function.inner().with_updated_config(&catalog.options) {
                Some(function) => catalog.add_scalar(Arc::new(function)),
                None => catalog.add_scalar(function),
            }
        }
        for function in datafusion_functions_aggregate::all_default_aggregate_functions() {
            catalog.add_aggregate(function);
        }
        for function in datafusion_functions_window::all_default_window_functions() {
            let name = function.name().to_owned();
            insert(&mut catalog.window, name, function, |function| {
                function.aliases()
            });
        }
        catalog
    }

    /// Adds a function of one row. It replaces the function of one row that has the same name or alias.
    pub fn add_scalar(&mut self, function: Arc<ScalarUDF>) {
        let name = function.name().to_owned();
        insert(&mut self.scalar, name, function, |function| {
            function.aliases()
        });
    }

    /// Adds a planner that turns operators and the like into calls of functions. It is asked before those that were
    /// added earlier.
    pub fn add_planner(&mut self, planner: Arc<dyn ExprPlanner>) {
        self.planners.insert(0, planner);
    }

    /// Removes the function of one row with this name, if there is one. Its other names stay.
    pub fn remove_scalar(&mut self, name: &str) {
        self.scalar.remove(name);
    }

    /// Adds an aggregate. It replaces the aggregate that has the same name or alias.
    pub fn add_aggregate(&mut self, function: Arc<AggregateUDF>) {
        let name = function.name().to_owned();
        insert(&mut self.aggregate, name, function, |function| {
            function.aliases()
        });
    }

    /// Adds a table, unless the catalog has a table with this name.
    pub fn add_table(&mut self, name: impl Into<String>, table: &Arc<dyn TableSource>) {
        self.tables
            .entry(name.into())
            .or_insert_with(|| Arc::clone(table));
    }

    /// Returns the options with which a query is planned.
    pub fn options(&self) -> &Arc<ConfigOptions> {
        &self.options
    }

    /// Returns the names of all functions, including the names that Spark has for them.
    pub fn function_names(&self) -> Vec<&str> {
        let mut all: Vec<&str> = names::names().collect();
        all.extend(self.scalar.keys().map(String::as_str));
        all.extend(self.aggregate.keys().map(String::as_str));
        all.extend(self.window.keys().map(String::as_str));
        all
    }

    /// Returns whether a function of one row has this name.
    pub(crate) fn is_scalar(&self, name: &str) -> bool {
        self.scalar.contains_key(name)
    }

    /// Returns whether an aggregate or a window function has this name.
    pub(crate) fn is_of_rows(&self, name: &str) -> bool {
        self.aggregate.contains_key(name) || self.window.contains_key(name)
    }
}

/// Inserts `function` under its name and under each of its aliases.
fn insert<F>(
    functions: &mut HashMap<String, Arc<F>>,
    name: String,
    function: Arc<F>,
    aliases: impl Fn(&F) -> &[String],
) {
    for alias in aliases(&function) {
        functions.insert(alias.clone(), Arc::clone(&function));
    }
    functions.insert(name, function);
}

impl ContextProvider for Catalog {
    fn get_table_source(&self, name: TableReference) -> Result<Arc<dyn TableSource>> {
        let is_ours = name.catalog().is_none() && name.schema().is_none_or(|name| name == "public");
        let table = self.tables.get(name.table()).filter(|_| is_ours);
        table
            .cloned()
            .ok_or_else(|| DataFusionError::Plan(format!("table '{name}' not found")))
    }

    fn get_table_function_source(
        &self,
        name: &str,
        _args: Vec<datafusion_expr::Expr>,
    ) -> Result<Arc<dyn TableSource>> {
        Err(DataFusionError::Plan(format!("table '{name}' not found")))
    }

    /// Serves WITH RECURSIVE, which is planned before it is refused.
    fn create_cte_work_table(
        &self,
        _name: &str,
        schema: SchemaRef,
    ) -> Result<Arc<dyn TableSource>> {
        Ok(Arc::new(LogicalTableSource::new(schema)))
    }

    fn get_expr_planners(&self) -> &[Arc<dyn ExprPlanner>] {
        &self.planners
    }

    fn get_function_meta(&self, name: &str) -> Option<Arc<ScalarUDF>> {
        self.scalar.get(name).cloned()
    }

    /// Returns none: SQL has no way to write the arguments that such functions take.
    fn get_higher_order_meta(&self, _name: &str) -> Option<Arc<HigherOrderUDF>> {
        None
    }

    fn get_aggregate_meta(&self, name: &str) -> Option<Arc<AggregateUDF>> {
        self.aggregate.get(name).cloned()
    }

    fn get_window_meta(&self, name: &str) -> Option<Arc<WindowUDF>> {
        self.window.get(name).cloned()
    }

    fn get_variable_type(&self, _names: &[String]) -> Option<DataType> {
        None
    }

    fn options(&self) -> &ConfigOptions {
        &self.options
    }

    fn udf_names(&self) -> Vec<String> {
        self.scalar.keys().cloned().collect()
    }

    fn higher_order_function_names(&self) -> Vec<String> {
        Vec::new()
    }

    fn udaf_names(&self) -> Vec<String> {
        self.aggregate.keys().cloned().collect()
    }

    fn udwf_names(&self) -> Vec<String> {
        self.window.keys().cloned().collect()
    }
}
