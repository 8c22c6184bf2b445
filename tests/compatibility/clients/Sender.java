import java.io.BufferedReader;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;

/**
 * Sends a request with Java's HttpClient, and prints the response as clients.rs reads it: the status, the headers, an
 * empty line, the body.
 *
 * <p>Sender 1.1|2 post|stream|twice URL FILE [GATE]
 */
public final class Sender {
    private static final Duration TIMEOUT = Duration.ofSeconds(60);

    public static void main(String[] arguments) throws Exception {
        HttpClient.Version version = arguments[0].equals("2") ? HttpClient.Version.HTTP_2 : HttpClient.Version.HTTP_1_1;
        HttpClient client = HttpClient.newBuilder().version(version).build();
        send(client, arguments);
        if (arguments[1].equals("twice")) {
            long end = System.nanoTime() + TIMEOUT.toNanos();
            while (System.nanoTime() < end && !Files.exists(Path.of(arguments[4]))) {
                Thread.sleep(5);
            }
            send(client, arguments);
        }
    }

    private static void send(HttpClient client, String[] arguments) throws Exception {
        boolean events = arguments[1].equals("stream");
        HttpRequest request = HttpRequest.newBuilder(URI.create(arguments[2]))
                .timeout(TIMEOUT)
                .header("Content-Type", "application/json")
                .header("Accept", events ? "text/event-stream" : "application/json")
                .POST(HttpRequest.BodyPublishers.ofByteArray(Files.readAllBytes(Path.of(arguments[3]))))
                .build();
        HttpResponse<InputStream> response = client.send(request, HttpResponse.BodyHandlers.ofInputStream());
        if (events) {
            BufferedReader lines = new BufferedReader(new InputStreamReader(response.body()));
            for (String line = lines.readLine(); line != null; line = lines.readLine()) {
                System.out.println(line);
            }
            return;
        }
        System.out.println(response.statusCode());
        response.headers().map().forEach((name, values) -> System.out.println(name + ": " + values.get(0)));
        System.out.println("\n" + new String(response.body().readAllBytes()));
    }
}
