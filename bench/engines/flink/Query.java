import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.table.api.EnvironmentSettings;
import org.apache.flink.table.api.TableEnvironment;
import org.apache.flink.types.Row;
import org.apache.flink.types.RowKind;
import org.apache.flink.util.CloseableIterator;

/** Runs the query with Flink SQL: takes the changes of the result, and prints the result at the end. */
public class Query {
    private static final List<String> COLUMNS =
            List.of("card_brand", "transactions", "total", "average", "smallest", "largest");

    public static void main(String[] arguments) throws Exception {
        Configuration settings = new Configuration();
        settings.setString("parallelism.default", "2");
        settings.setString("pipeline.object-reuse", "true");
        settings.setString("table.exec.mini-batch.enabled", "true");
        settings.setString("table.exec.mini-batch.allow-latency", "1 s");
        settings.setString("table.exec.mini-batch.size", "50000");
        settings.setString("table.optimizer.agg-phase-strategy", "TWO_PHASE");
        TableEnvironment tables = TableEnvironment.create(
                EnvironmentSettings.newInstance().inStreamingMode().withConfiguration(settings).build());
        tables.executeSql(String.format(
                "CREATE TABLE transactions (card_brand STRING, amount DECIMAL(12, 2)) WITH ("
                        + "'connector' = 'kafka', 'format' = 'json', 'properties.bootstrap.servers' = '%s',"
                        + "'topic' = '%s', 'properties.group.id' = 'flink',"
                        + "'scan.startup.mode' = 'earliest-offset', 'scan.bounded.mode' = 'latest-offset')",
                arguments[0], arguments[1]));

        Map<Object, Row> rows = new LinkedHashMap<>();
        try (CloseableIterator<Row> changes = tables.executeSql(
                "SELECT card_brand, count(*), sum(amount), avg(amount), min(amount), max(amount)"
                        + " FROM transactions GROUP BY card_brand").collect()) {
            while (changes.hasNext()) {
                Row row = changes.next();
                if (row.getKind() == RowKind.INSERT || row.getKind() == RowKind.UPDATE_AFTER) {
                    rows.put(row.getField(0), row);
                }
            }
        }
        System.out.println(
                "{\"result\":[" + rows.values().stream().map(Query::json).collect(Collectors.joining(",")) + "]}");
    }

    private static String json(Row row) {
        StringBuilder object = new StringBuilder("{\"card_brand\":\"" + row.getField(0) + '"');
        for (int column = 1; column < COLUMNS.size(); column++) {
            object.append(",\"").append(COLUMNS.get(column)).append("\":").append(row.getField(column));
        }
        return object.append('}').toString();
    }
}
