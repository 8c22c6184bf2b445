import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;

/**
 * Sends a body that the server refuses, and prints the status and the {@code Retry-After} of the response.
 * Usage: Refused.java VERSION URL BYTES, where VERSION is HTTP_1_1 or HTTP_2.
 */
public class Refused {
    public static void main(String[] arguments) throws Exception {
        byte[] body = new byte[Integer.parseInt(arguments[2])];
        HttpClient client = HttpClient.newBuilder().version(HttpClient.Version.valueOf(arguments[0])).build();
        HttpRequest request = HttpRequest.newBuilder(URI.create(arguments[1]))
            .POST(HttpRequest.BodyPublishers.ofByteArray(body))
            .build();
        HttpResponse<String> response = client.send(request, HttpResponse.BodyHandlers.ofString());
        if (!response.body().contains("\"error\"")) {
            throw new IllegalStateException(response.body());
        }
        System.out.println(response.statusCode() + " " + response.headers().firstValue("Retry-After").orElse("None"));
    }
}
