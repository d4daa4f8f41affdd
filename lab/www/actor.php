<?php
// The page of the known behaviour: one prepared SELECT by primary key.
mysqli_report(MYSQLI_REPORT_ERROR | MYSQLI_REPORT_STRICT);
header('Content-Type: text/html; charset=utf-8');
try {
    $db = new mysqli('localhost', 'lab', 'lab', 'lab');
    $query = $db->prepare('SELECT first_name, last_name, last_update FROM actor WHERE actor_id = ?');
    $id = (int) ($_GET['id'] ?? 0);
    $query->bind_param('i', $id);
    $query->execute();
    $query->bind_result($first, $last, $update);
    $found = $query->fetch();
    $query->close();
    $db->close();
} catch (mysqli_sql_exception $e) {
    http_response_code(500);
    error_log('actor: ' . $e->getMessage());
    exit("<p>Sorry, something went wrong.</p>\n");
}
if (!$found) {
    http_response_code(404);
    exit("<p>No such actor.</p>\n");
}
printf("<html><body><h1>%s %s</h1><p>%s</p></body></html>\n", htmlspecialchars($first), htmlspecialchars($last), $update);
