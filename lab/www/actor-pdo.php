<?php
// The page after an update of the library through which it talks to the database: PDO in place of mysqli, the same output.
header('Content-Type: text/html; charset=utf-8');
try {
    $db = new PDO('mysql:host=localhost;dbname=lab;charset=utf8mb4', 'lab', 'lab',
        [PDO::ATTR_ERRMODE => PDO::ERRMODE_EXCEPTION, PDO::ATTR_EMULATE_PREPARES => false]);
    $query = $db->prepare('SELECT first_name, last_name, last_update FROM actor WHERE actor_id = ?');
    $query->execute([(int) ($_GET['id'] ?? 0)]);
    $row = $query->fetch(PDO::FETCH_NUM);
    $query = null;
    $db = null;
} catch (PDOException $e) {
    http_response_code(500);
    error_log('actor: ' . $e->getMessage());
    exit("<p>Sorry, something went wrong.</p>\n");
}
if ($row === false) {
    http_response_code(404);
    exit("<p>No such actor.</p>\n");
}
[$first, $last, $update] = $row;
printf("<html><body><h1>%s %s</h1><p>%s</p></body></html>\n", htmlspecialchars($first), htmlspecialchars($last), $update);
