<?php
// The changed page: the actor as before, then a list of films from a second query, laid out by a file of its own.
mysqli_report(MYSQLI_REPORT_ERROR | MYSQLI_REPORT_STRICT);
header('Content-Type: text/html; charset=utf-8');
$id = (int) ($_GET['id'] ?? 0);
$db = new mysqli('localhost', 'lab', 'lab', 'lab');
$query = $db->prepare('SELECT first_name, last_name, last_update FROM actor WHERE actor_id = ?');
$query->bind_param('i', $id);
$query->execute();
$query->bind_result($first, $last, $update);
$query->fetch();
$query->close();
$query = $db->prepare('SELECT title, year FROM film JOIN film_actor USING (film_id) WHERE actor_id = ? ORDER BY title');
$query->bind_param('i', $id);
$query->execute();
$films = $query->get_result()->fetch_all(MYSQLI_ASSOC);
$query->close();
$db->close();
require __DIR__ . '/films.inc.php';
