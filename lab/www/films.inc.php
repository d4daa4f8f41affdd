<html><body><h1><?= htmlspecialchars($first) ?> <?= htmlspecialchars($last) ?></h1><p><?= $update ?></p><ul>
<?php foreach ($films as $film): ?>
<li><?= htmlspecialchars($film['title']) ?> (<?= $film['year'] ?>)</li>
<?php endforeach ?>
</ul></body></html>
